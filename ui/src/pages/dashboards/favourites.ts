// One's own favourites, on this device.
const KEY = "nines-dashboards";

export function favourites(): Set<string> {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]") as string[]);
  } catch {
    return new Set();
  }
}

export function flipFavourite(name: string): Set<string> {
  const stars = favourites();
  if (!stars.delete(name)) stars.add(name);
  localStorage.setItem(KEY, JSON.stringify([...stars]));
  return stars;
}
