// An OpenID Connect issuer. Prints its address on the first line. Each line on standard input is JSON: the claims that the
// next identity tokens have besides, or instead of, the usual ones; with `forged` their signature is wrong.
import { createInterface } from "node:readline";
import { OAuth2Server } from "oauth2-mock-server";

const server = new OAuth2Server();
await server.issuer.keys.generate("RS256");
await server.start(0, "127.0.0.1");
server.issuer.url = `http://127.0.0.1:${server.address().port}`;

let claims = {};
let forged = false;
server.service.on("beforeTokenSigning", (token) => {
  // Access tokens have no nonce.
  if ("nonce" in token.payload) Object.assign(token.payload, claims);
});
server.service.on("beforeResponse", (response) => {
  if (!forged || !response.body?.id_token) return;
  const [header, payload] = response.body.id_token.split(".");
  response.body.id_token = `${header}.${payload}.${"A".repeat(342)}`;
});
console.log(server.issuer.url);

for await (const line of createInterface({ input: process.stdin })) {
  ({ forged = false, ...claims } = JSON.parse(line));
  console.log("ok");
}
await server.stop();
