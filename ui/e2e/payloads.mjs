// Hostile text, made by a grammar: whatever a sender, a reporter or a telemetry value may hold. Every payload that would
// run calls `nines_canary`, which no page of ours defines; the browser's script defines it and counts.

const CALL = "nines_canary(1)";
const EVENTS = [
  "onload",
  "onerror",
  "onclick",
  "onfocus",
  "onmouseover",
  "onanimationstart",
  "ontoggle",
  "onbegin",
  "onpointerenter",
];
const TAGS = [
  "img src=x",
  "svg",
  "body",
  "video src=x",
  "audio src=x",
  "details open",
  "input autofocus",
  "iframe",
  "object data=x",
  "embed src=x",
  "marquee",
  "select autofocus",
  "math",
  "style",
  "x tabindex=1 autofocus",
];
const SPACES = [" ", "/", "\t", "\n"];
const BREAKOUTS = [
  "",
  '">',
  "'>",
  "`>",
  "-->",
  "]]>",
  "</title>",
  "</textarea>",
  "</style>",
  "</script>",
  "</noscript>",
  '"/>',
  "\u2028",
];
const SCHEMES = [
  "javascript:",
  "JaVaScRiPt:",
  "java\tscript:",
  "java\nscript:",
  " javascript:",
  "\u0001javascript:",
  "vbscript:",
  "data:text/html,",
  "data:text/html;base64,",
  "javascript&colon;",
  "&#106;avascript:",
  "jav&#x0A;ascript:",
  "blob:",
  "view-source:javascript:",
];
const encodeOnce = (text) => [...text].map((c) => `&#${c.codePointAt(0)};`).join("");
const percent = (text) => [...text].map((c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`).join("");

function* grammar() {
  for (const before of BREAKOUTS) {
    yield `${before}<script>${CALL}</script>`;
    yield `${before}<ScRiPt >${CALL}</sCrIpT>`;
    yield `${before}<script src=data:,${CALL}></script>`;
  }
  for (const tag of TAGS)
    for (const event of EVENTS)
      yield `${BREAKOUTS[(tag.length + event.length) % BREAKOUTS.length]}<${tag}${SPACES[event.length % SPACES.length]}${event}=${CALL}>`;
  for (const event of EVENTS)
    for (const quote of ['"', "'", "`"]) yield `${quote} ${event}=${quote}${CALL}${quote} x=${quote}`;
  for (const scheme of SCHEMES) {
    const target = scheme.includes("base64")
      ? btoa(`<script>${CALL}</script>`)
      : scheme.startsWith("data")
        ? `<script>${CALL}</script>`
        : CALL;
    yield `<a href="${scheme}${target}">x</a>`;
    yield `${scheme}${target}`;
    yield `<iframe src="${scheme}${target}"></iframe>`;
    yield `<form action="${scheme}${target}"><input type=submit autofocus></form>`;
    yield `<svg><a xlink:href="${scheme}${target}"><text>x</text></a></svg>`;
    yield `[x](${scheme}${target})`;
    yield `![x](${scheme}${target})`;
    yield `<${scheme}${target}>`;
    yield `[x]: ${scheme}${target}`;
    yield `http://x/?${scheme}${target}`;
  }
  for (const inner of [
    "animate",
    "set",
    "foreignObject",
    "use href=data:image/svg+xml,",
    "image href=x",
    "script",
    "style",
    "desc",
  ])
    for (const event of ["onbegin", "onload", "onerror"])
      yield `<svg><${inner} ${event}=${CALL} attributeName=x dur=1s></svg>`;
  for (const [open, close] of [
    ["{{", "}}"],
    ["${", "}"],
    ["<%=", "%>"],
    ["#{", "}"],
    ["[[", "]]"],
    ["{%", "%}"],
    ["{{{", "}}}"],
    ["*{", "}"],
  ])
    for (const inside of [
      CALL,
      `constructor.constructor('${CALL}')()`,
      "7*7",
      "self.__init__",
      "$on.constructor",
      "range(9e9)",
    ])
      yield open + inside + close;
  for (const c of [
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\u0000",
    "\u0007",
    "\u001b[2J",
    "\u001b]0;owned\u0007",
    "\u001b]8;;javascript:nines_canary(1)\u0007x",
    "\u009b31m",
    "\u2028",
    "\ud800",
    "\u0085",
  ]) {
    yield `${c}<img src=x onerror=${CALL}>${c}`;
    yield `safe${c}txt.exe${CALL}`;
    yield `<scr${c}ipt>${CALL}</scr${c}ipt>`;
  }
  for (const formula of ["=", "+", "-", "@", "\t=", "\r="]) {
    yield `${formula}HYPERLINK("javascript:${CALL}","x")`;
    yield `${formula}cmd|' /C calc'!A0`;
    yield `${formula}1+1`;
  }
  for (const encoded of [
    encodeOnce(`<img src=x onerror=${CALL}>`),
    percent(`<img src=x onerror=${CALL}>`),
    `\\u003cimg src=x onerror=${CALL}\\u003e`,
    `\\x3cscript\\x3e${CALL}\\x3c/script\\x3e`,
    `%253Cscript%253E${CALL}`,
    `+ADw-script+AD4-${CALL}+ADw-/script+AD4-`,
    `＜script＞${CALL}＜/script＞`,
    `<img src=x onerror="&#110;ines_canary(1)">`,
  ])
    for (const before of ["", '"', "'>", "-->"]) yield before + encoded;
  for (const name of [
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "innerHTML",
    "dangerouslySetInnerHTML",
    "srcdoc",
    "onload",
    "style",
    "children",
  ]) {
    yield name;
    yield `{"${name}":{"__html":"<img src=x onerror=${CALL}>"}}`;
  }
  for (const mark of [
    "**",
    "__",
    "`",
    "~~~",
    "> ",
    "# ",
    "| ",
    "- ",
    "1. ",
    "```html\n",
    "<!--",
    "<![CDATA[",
    "$$",
    ":::",
    "|||",
  ]) {
    yield `${mark}<img src=x onerror=${CALL}>${mark}`;
    yield `${mark}<details open ontoggle=${CALL}>${mark}`;
  }
  for (const style of [
    "background:url(javascript:nines_canary(1))",
    "x:expression(nines_canary(1))",
    "behavior:url(x.htc)",
    "-moz-binding:url(x)",
    "@import 'javascript:nines_canary(1)'",
  ])
    yield `<div style="${style}">x</div>`;
  for (const meta of ["refresh", "set-cookie", "content-security-policy"])
    yield `<meta http-equiv=${meta} content="0;url=javascript:${CALL}">`;
  for (const rest of [
    `<base href="javascript:${CALL}//">`,
    `<link rel=import href="data:text/html,<script>${CALL}</script>">`,
    `<template><script>${CALL}</script></template>`,
    `<noscript><p title="</noscript><img src=x onerror=${CALL}>">`,
    `<math><mtext><table><mglyph><style><img src=x onerror=${CALL}>`,
    `<svg></p><style><a id="</style><img src=1 onerror=${CALL}>">`,
    `<a id=x name=y><a id=x><img src=x onerror=${CALL}>`,
    `<iframe srcdoc="<script>parent.${CALL}</script>">`,
  ])
    yield rest;
}

/** Each once, in an order that is always the same. A lone surrogate cannot travel in JSON and is left out. */
export const PAYLOADS = [...new Set(grammar())].filter((text) => text.isWellFormed());

/** All payloads, `size` in each text. */
export const grouped = (size, max = Number.POSITIVE_INFINITY) => {
  const groups = [];
  let group = [];
  for (const payload of PAYLOADS) {
    const joined = [...group, payload].join(" ");
    if (group.length === size || new TextEncoder().encode(joined).length > max) {
      groups.push(group.join(" "));
      group = [];
    }
    group.push(payload);
  }
  if (group.length) groups.push(group.join(" "));
  return groups;
};
