// Shows /openapi.json as a page. Everything is set as text: nothing in the description can become markup.

let described = null;

/** An element with attributes and children; strings become text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

function resolve(schema) {
  if (!schema || !schema.$ref) return schema || {};
  return described.components.schemas[schema.$ref.split("/").pop()];
}

function nameOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  const options = schema.anyOf || schema.oneOf;
  if (options) return options.map(nameOf).join(" or ");
  if (schema.type === "array") return `list of ${nameOf(schema.items)}`;
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  return schema.type || "any";
}

function limitsOf(schema) {
  const from = schema.anyOf ? schema.anyOf.find((option) => option.type !== "null") || {} : schema;
  const words = {
    minLength: "at least", maxLength: "at most", minimum: "from", maximum: "to", maxItems: "at most", pattern: "like",
  };
  const told = Object.entries(words).filter(([name]) => from[name] !== undefined).map(([name, word]) => `${word} ${from[name]}`);
  if (schema.default !== undefined && schema.default !== null) told.push(`default ${JSON.stringify(schema.default)}`);
  return told.join(", ");
}

function fieldTable(schema) {
  const properties = Object.entries(schema.properties || {});
  if (!properties.length) return null;
  const required = new Set(schema.required || []);
  const rows = properties.map(([name, field]) =>
    make("tr", {}, make("td", {}, make("code", {}, name), required.has(name) ? " *" : ""), make("td", {}, nameOf(field)), make("td", {}, limitsOf(field))));
  return make("table", {}, make("tbody", {}, ...rows));
}

function schemaParts(title, schema) {
  if (!schema) return [];
  const options = schema.anyOf || [schema];
  return options.flatMap((option) => [make("h3", {}, `${title}: ${nameOf(option)}`), fieldTable(resolve(option))]).filter(Boolean);
}

function exampleOf(schema, depth = 0) {
  const real = resolve(schema);
  if (real.anyOf) return exampleOf(real.anyOf[0], depth);
  if (real.default !== undefined) return real.default;
  if (real.type === "array") return [];
  if (real.type === "integer" || real.type === "number") return real.minimum || 0;
  if (real.type === "boolean") return false;
  if (real.type !== "object" || depth > 3) return "";
  const wanted = Object.entries(real.properties || {}).filter(([name]) => (real.required || []).includes(name));
  const shown = wanted.length ? wanted : Object.entries(real.properties || {}).slice(0, 1);
  return Object.fromEntries(shown.map(([name, field]) => [name, exampleOf(field, depth + 1)]));
}

function bodySchema(route) {
  const content = route.requestBody && route.requestBody.content["application/json"];
  return content ? content.schema : null;
}

function tryForm(method, path, route) {
  const inputs = (route.parameters || []).map((parameter) => {
    const input = make("input", { name: parameter.name });
    if (parameter.name === "Idempotency-Key") input.value = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2, 18);
    return { parameter, input, row: make("label", {}, `${parameter.name}${parameter.required ? " *" : ""}`, input) };
  });
  const schema = bodySchema(route);
  const body = schema ? make("textarea", { rows: "5", "aria-label": "body" }) : null;
  if (body) body.value = JSON.stringify(exampleOf(schema), null, 2);
  const output = make("pre", { hidden: "" });
  const form = make("form", {}, ...inputs.map((one) => one.row), body, make("button", { type: "submit" }, "Send"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(method, path, inputs, body, output);
  });
  return [make("h3", {}, "Try it"), form, output];
}

async function send(method, path, inputs, body, output) {
  const headers = {};
  const query = new URLSearchParams();
  let address = path;
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (parameter.in === "header" && input.value) headers[parameter.name] = input.value;
    else if (parameter.in === "query" && input.value) query.set(parameter.name, input.value);
  }
  const token = document.getElementById("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  output.hidden = false;
  try {
    const question = query.size ? `?${query}` : "";
    const answer = await fetch(address + question, { method: method.toUpperCase(), headers, body: body ? body.value : undefined });
    const text = await answer.text();
    output.textContent = `${answer.status} ${answer.statusText}\n${pretty(text)}`;
  } catch (problem) {
    output.textContent = String(problem);
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function routeElement(method, path, route) {
  const summary = make("summary", {}, make("span", { class: `method ${method}` }, method), make("code", {}, path), make("span", {}, route.summary || ""));
  const content = make("div");
  const details = make("details", { class: "route" }, summary, content);
  // Filled when it is opened: a page of forms that nobody looks at would be slow to start.
  details.addEventListener("toggle", () => {
    if (!details.open || content.hasChildNodes()) return;
    content.append(make("p", {}, route.description || ""), ...schemaParts("Takes", bodySchema(route)));
    for (const [status, response] of Object.entries(route.responses)) {
      if (status === "default") continue;
      const json = response.content && response.content["application/json"];
      content.append(...(json ? schemaParts(`Answers ${status}`, json.schema) : [make("h3", {}, `Answers ${status}`)]));
    }
    content.append(...tryForm(method, path, route));
  });
  return details;
}

async function show() {
  const main = document.getElementById("routes");
  try {
    described = await (await fetch("/openapi.json")).json();
  } catch (problem) {
    main.replaceChildren(make("p", { class: "problem" }, String(problem)));
    return;
  }
  const groups = new Map();
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, route] of Object.entries(methods)) {
      const group = (route.tags || ["other"])[0];
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(routeElement(method, path, route));
    }
  }
  main.replaceChildren(make("p", {}, described.info.description || ""));
  for (const [group, routes] of groups) main.append(make("h2", {}, group), ...routes);
  main.append(...schemaParts("Every refusal", { $ref: "#/components/schemas/ErrorBody" }));
  main.removeAttribute("aria-busy");
}

document.getElementById("who").addEventListener("submit", (event) => event.preventDefault());
show();
