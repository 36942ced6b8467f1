// A signature is drawn with a finger, a pen or a mouse, and goes along with the form as numbers.
const form = document.querySelector("form[data-sign]");
const board = form?.querySelector("[data-draw]");
const MOST_POINTS = 6000;
let strokes = [];
let count = 0;

const width = () => board.viewBox.baseVal.width;
const height = () => board.viewBox.baseVal.height;
const between = (at, most) => Math.max(0, Math.min(most, Math.round(at)));

function point({ clientX, clientY }) {
  const { left, top, width: wide, height: high } = board.getBoundingClientRect();
  return [between(((clientX - left) / wide) * width(), width()), between(((clientY - top) / high) * height(), height())];
}

const lineOf = (stroke) => {
  const points = [];
  for (let at = 0; at < stroke.length; at += 2) points.push(`${stroke[at]} ${stroke[at + 1]}`);
  return `M${(points.length > 1 ? points : [points[0], points[0]]).join(" L")}`;
};

function show() {
  board.querySelector("path").setAttribute("d", strokes.map(lineOf).join(" "));
  form.elements.signature.value = strokes.length ? JSON.stringify(strokes) : "";
}

board?.addEventListener("pointerdown", (event) => {
  if (count >= MOST_POINTS || strokes.length >= 200) return;
  event.preventDefault();
  board.setPointerCapture(event.pointerId);
  strokes.push(point(event));
  count += 1;
  show();
});
board?.addEventListener("pointermove", (event) => {
  if (!board.hasPointerCapture(event.pointerId) || count >= MOST_POINTS) return;
  const stroke = strokes.at(-1);
  const [x, y] = point(event);
  if (stroke.at(-2) === x && stroke.at(-1) === y) return;
  stroke.push(x, y);
  count += 1;
  show();
});
form?.querySelector("[data-draw-again]").addEventListener("click", () => {
  [strokes, count] = [[], 0];
  show();
});
