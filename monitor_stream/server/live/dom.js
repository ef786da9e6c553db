// Elements are made and filled through properties and text nodes only: a name from an event can never be markup.

/** Make an element; `attributes` that are null are left out, children that are not nodes become text. */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an element of a drawing. */
export function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Set text only where it changed, so that a selection or a screen reader is not disturbed every second. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set an attribute, or remove it for null. */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** A table's head and body: `columns` are [title, class], `rows` hold cells, each text or a node; `empty` is said without rows. */
export function fillTable(table, columns, rows, empty = "None") {
  const cell = (tag, [, kind], content, extra = {}) =>
    element(tag, { class: kind || null, ...extra }, ...(Array.isArray(content) ? content : [content]));
  const head = element("tr", {}, ...columns.map((column) => cell("th", column, column[0], { scope: "col" })));
  const body = rows.map(({ cells, ...attributes }) =>
    element("tr", attributes, ...cells.map((content, i) =>
      i === 0 ? cell("th", columns[i], content, { scope: "row" }) : cell("td", columns[i], content))));
  const none = element("tr", {}, element("td", { class: "note", colspan: columns.length }, empty));
  table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...(body.length ? body : [none])));
}
