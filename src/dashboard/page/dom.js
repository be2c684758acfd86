/**
 * Elements out of names, attributes and texts. A text only ever becomes a text: nothing here, and
 * nothing on the page, parses markup, and the page's policy forbids it.
 *
 * @module
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. Attributes that are null or false are left out, true is an empty attribute, a
 * function is a listener for the event of that name.
 *
 * @param {string} name
 * @param {Record<string, unknown>} [attributes]
 * @param {...unknown} children elements, texts, lists of them; null, undefined and false are nothing
 */
export function h(name, attributes, ...children) {
  return build(document.createElement(name), attributes, children);
}

/**
 * The same for SVG.
 *
 * @param {string} name
 * @param {Record<string, unknown>} [attributes]
 * @param {...unknown} children
 */
export function svg(name, attributes, ...children) {
  return build(document.createElementNS(SVG, name), attributes, children);
}

/**
 * Draws into an element again only where the input has changed, so that focus, selection and
 * assistive technology are left in peace.
 *
 * @param {Element} target
 * @param {(input: any) => unknown} draw returns children as {@link h} takes them
 * @returns {(input: unknown) => void}
 */
export function drawing(target, draw) {
  let drawn = "";
  return (input) => {
    const text = JSON.stringify(input);
    if (text === drawn) return;
    drawn = text;
    target.replaceChildren();
    append(target, draw(input));
  };
}

/** The element with this id. @param {string} id @returns {any} */
export function byId(id) {
  return document.getElementById(id);
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, String(value));
    }
  }
  append(element, children);
  return element;
}

function append(element, child) {
  if (child === null || child === undefined || child === false) return;
  if (Array.isArray(child)) {
    for (const each of child) append(element, each);
  } else {
    element.append(child);
  }
}
