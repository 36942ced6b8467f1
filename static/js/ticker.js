// Keeps ages true while the page is open.
import { findAll } from "./page.js";

export function words(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60000));
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h ${String(minutes % 60).padStart(2, "0")}m` : `${Math.floor(hours / 24)}d`;
}

function tick() {
  for (const time of findAll("time[data-age]")) {
    const age = words(Date.now() - Date.parse(time.dateTime));
    if (time.textContent !== age) time.textContent = age;
  }
}

setInterval(tick, 20000);
document.addEventListener("visibilitychange", () => document.hidden || tick());
