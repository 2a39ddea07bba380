// Reads a figure out where the pointer is. Without this file's help the pictures are whole.
for (const figure of document.querySelectorAll("figure[data-points]")) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const svg = figure.querySelector(":scope > svg");
  const cursor = svg.querySelector(".cursor");
  const tip = figure.querySelector(".tip");
  const hide = () => { cursor.style.visibility = tip.style.visibility = "hidden"; };
  const nearest = (x) => {
    let low = 0, high = data.x.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (data.x[middle] <= x) low = middle; else high = middle - 1;
    }
    return low;
  };
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect(), outer = figure.getBoundingClientRect();
    const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    if (!data.x.length || x < data.x[0] - 4) return hide();
    const at = nearest(x);
    cursor.setAttribute("transform", `translate(${data.x[at]} 0)`);
    tip.replaceChildren();
    tip.appendChild(document.createElement("b")).textContent = data.at[at];
    for (const row of data.rows) {
      if (row.shown[at] === null) continue;
      const line = tip.appendChild(document.createElement("div"));
      line.appendChild(document.createElement("span")).textContent = row.name;
      line.append(row.shown[at]);
    }
    const right = event.clientX - outer.left + 16;
    const fits = right + tip.offsetWidth < outer.width - 8;
    tip.style.left = `${fits ? right : right - tip.offsetWidth - 32}px`;
    tip.style.top = `${box.top - outer.top + 14}px`;
    cursor.style.visibility = tip.style.visibility = "visible";
  });
}
