"use strict";
const units = document.documentElement.dataset.units.split("|");
const live = document.querySelector("[data-events]");
const form = document.querySelector("[data-drop]");

function age() {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const past = Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000);
    const place = past < 60 ? 0 : past < 3600 ? 1 : past < 86400 ? 2 : 3;
    time.textContent = Math.floor(past / [1, 60, 3600, 86400][place]) + units[place];
  }
}
setInterval(age, 1000);

if (live) {
  const source = new EventSource(live.dataset.events);
  source.addEventListener("shown", (event) => {
    const { id, html, ended } = JSON.parse(event.data);
    const shown = document.getElementById(id);
    if (shown) shown.outerHTML = html;
    else live.insertAdjacentHTML("afterbegin", html);
    while (live.dataset.most && live.children.length > live.dataset.most) live.lastElementChild.remove();
    if (ended) source.close();
  });
  addEventListener("pagehide", () => source.close());
}

if (form) {
  const file = form.querySelector("input[type=file]");
  const name = form.querySelector("[data-name]");
  file.addEventListener("change", () => { if (file.files.length) name.textContent = file.files[0].name; });
  const over = (event) => { event.preventDefault(); form.classList.toggle("over", event.type === "dragover"); };
  form.addEventListener("dragover", over);
  form.addEventListener("dragleave", over);
  form.addEventListener("drop", (event) => {
    over(event);
    if (event.dataTransfer.files.length) { file.files = event.dataTransfer.files; form.requestSubmit(); }
  });
  form.addEventListener("submit", () => form.classList.add("sending"));
}
