"use strict";
// All text of the server becomes text nodes, never markup. The token stays in this closure.

const byId = (id) => document.getElementById(id);
const TEXT = "text"; // the column of a task without a template
const TOGETHER = ""; // the value of the option "all prompts of the task"
let token = "";
let prompts = [];
let busy = false;

// An element with attributes and children; strings among them are text.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const own = (text) => make("bdi", {}, text); // a text of others cannot turn the sentence around it

class Refused extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

// The JSON of an answer. Throws Refused for any status but 200, and where there is no answer.
async function call(path, body) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const options = { headers, credentials: "omit", cache: "no-store", redirect: "error" };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused(0, "The server cannot be reached.", "Is it still running? Ask again.");
  }
  const content = await response.json().catch(() => null);
  if (response.ok && content !== null) return content;
  const message = content && typeof content.error === "string" ? content.error : `The server answered ${response.status}.`;
  throw new Refused(response.status, message, content && typeof content.hint === "string" ? content.hint : "");
}

function clearErrors() {
  for (const alert of document.querySelectorAll("[role=alert]")) alert.replaceChildren();
}

function showError(error, place = "error") {
  const parts = [make("b", {}, "Not answered. "), own(error.message)];
  if (error.hint) parts.push(make("p", {}, own(error.hint)));
  byId(place).replaceChildren(make("div", { class: "error" }, ...parts));
}

// Run one piece of work at a time; its errors are shown, and a 401 asks for the token.
async function work(button, doing) {
  if (busy) return;
  busy = true;
  button.setAttribute("aria-disabled", "true");
  clearErrors();
  try {
    await doing();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) askToken(error);
    else showError(error);
  } finally {
    busy = false;
    button.removeAttribute("aria-disabled");
  }
}

function askToken(error) {
  const refused = token !== "";
  token = "";
  byId("access").hidden = false;
  showError(error, "access-error");
  if (refused) byId("token").setAttribute("aria-invalid", "true");
  else byId("token").removeAttribute("aria-invalid");
  byId("token").focus();
}

const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);
const ofTask = (task) => prompts.filter((each) => each.task === task);
const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

function scoreOf(prompt) {
  return typeof prompt.score === "number" ? `${prompt.metric || "score"} ${prompt.score.toFixed(1)}` : "no score";
}

async function load() {
  const [entries, health] = await Promise.all([call("v1/prompts"), call("healthz")]);
  prompts = entries;
  const tasks = [...new Set(prompts.map((each) => each.task))].sort();
  byId("about").textContent = `Model ${health.model}, ${count(prompts.length, "prompt")} for ${count(tasks.length, "task")}.`;
  byId("task").replaceChildren(...tasks.map((task) => make("option", { value: task }, task)));
  if (!tasks.length) throw new Refused(0, "The bank holds no prompt that this model can use.", "Train one; it appears here after a reload.");
  chooseTask();
}

function chooseTask() {
  const several = ofTask(byId("task").value).sort((a, b) => (b.score ?? -1) - (a.score ?? -1));
  const options = several.map((each) => make("option", { value: each.entry }, `${each.entry} (${scoreOf(each)})`));
  if (several.length > 1) options.push(make("option", { value: TOGETHER }, `all ${several.length} prompts of the task, together`));
  byId("prompt").replaceChildren(...options);
  byId("prompt-field").hidden = several.length < 2;
  showColumns(several[0].columns);
  choosePrompt();
}

function choosePrompt() {
  const id = byId("prompt").value;
  const [first] = ofTask(byId("task").value).filter((each) => id === TOGETHER || each.entry === id);
  const labels = first.labels.length ? `Answers: ${first.labels.join(", ")}.` : "The answer is free text.";
  byId("prompt-facts").textContent = id === TOGETHER ? labels : `${labels} Validation: ${scoreOf(first)}.`;
}

// One text for each column; what was typed stays where the columns have the same names.
function showColumns(columns) {
  const typed = new Map([...byId("columns").querySelectorAll("textarea")].map((each) => [each.name, each.value]));
  const names = columns.length ? columns : [TEXT];
  byId("columns").replaceChildren(
    ...names.map((name, number) => {
      const id = `column-${number}`;
      const area = make("textarea", { id, name, rows: "3", dir: "auto", required: "", "aria-describedby": "send-hint" });
      area.value = typed.get(name) ?? "";
      return make("div", { class: "field" }, make("label", { for: id }, name), area);
    }),
  );
}

// The body of the request. Throws Refused, with the empty text focused, where one is missing.
function question() {
  const areas = [...byId("columns").querySelectorAll("textarea")];
  for (const area of areas) area.removeAttribute("aria-invalid");
  const empty = areas.find((area) => !area.value.trim());
  if (empty) {
    empty.setAttribute("aria-invalid", "true");
    empty.focus();
    throw new Refused(0, `The text of “${empty.name}” is empty.`, "Write it, then ask again.");
  }
  const task = byId("task").value;
  const id = byId("prompt").value;
  const { columns } = ofTask(task)[0];
  const text = columns.length ? Object.fromEntries(areas.map((area) => [area.name, area.value])) : areas[0].value;
  return { ...(id === TOGETHER ? { ensemble: task } : { entry: id }), texts: [text] };
}

function head(...names) {
  return make("thead", {}, make("tr", {}, ...names.map(([name, kind]) => make("th", { scope: "col", class: kind }, name))));
}

function probabilityTable(answer) {
  const voted = Object.keys(answer.votes).length > 0;
  const shares = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
  const rows = shares.map(([word, share]) => {
    const chosen = word === answer.answer;
    const bar = make("span", { class: "bar" });
    bar.style.width = `${100 * share}%`;
    const row = make("tr", chosen ? { class: "chosen" } : {}, make("th", { scope: "row" }, own(word), chosen ? " ✓ answer" : ""));
    row.append(make("td", { class: "number" }, percent(share)));
    if (voted) row.append(make("td", { class: "number" }, String(answer.votes[word] ?? 0)));
    row.append(make("td", { class: "bars", "aria-hidden": "true" }, make("span", { class: "track" }, bar)));
    return row;
  });
  const names = [["label", ""], ["probability", "number"], ...(voted ? [["votes", "number"]] : [])];
  const table = make("table", {}, make("caption", {}, "Probability of each label"), head(...names), make("tbody", {}, ...rows));
  table.querySelector("thead tr").append(make("td", { "aria-hidden": "true" }));
  return make("div", { class: "scroll" }, table);
}

function nearestTable(entries) {
  const several = entries.length > 1;
  const rows = prompts
    .filter((each) => entries.includes(each.entry))
    .flatMap((each) => each.nearest.map((near) => [each.entry, near]))
    .map(([entry, near]) =>
      make("tr", {}, ...(several ? [make("td", {}, own(entry))] : []), make("td", {}, own(near.task)), make("td", {}, own(near.entry)),
        make("td", { class: "number" }, near.similarity.toFixed(3))));
  if (!rows.length) return make("p", { class: "hint" }, "The bank has no other task to compare with.");
  const names = [...(several ? [["prompt", ""]] : []), ["task", ""], ["source", ""], ["similarity", "number"]];
  const caption = make("caption", {}, "Nearest sources", make("small", {}, "Prompts of other tasks whose keys are most similar."));
  const table = make("div", { class: "scroll" }, make("table", {}, caption, head(...names), make("tbody", {}, ...rows)));
  const near = prompts.some((each) => entries.includes(each.entry) && each.nearest.some(({ similarity }) => similarity > 0));
  return near ? table : make("div", {}, table, make("p", { class: "hint" }, "None of them is near: unrelated prompts have a similarity of about 0."));
}

// The sentence that is announced, and the tables below it.
function showAnswer(reply) {
  const [answer] = reply.answers;
  const share = answer.probabilities[answer.answer];
  const sentence = [own(answer.answer || "(nothing)")];
  if (share !== undefined) sentence.push(`, ${percent(share)}`);
  if (reply.entries.length > 1 && typeof answer.agreement === "number") {
    sentence.push(`. ${percent(answer.agreement)} of ${count(reply.entries.length, "prompt")} agree.`);
  }
  byId("said").replaceChildren(...sentence);
  const details = [];
  if (share !== undefined) details.push(probabilityTable(answer));
  if (typeof answer.margin === "number") {
    details.push(make("p", { class: "hint" }, `Margin over the next label: ${(100 * answer.margin).toFixed(1)} points.`));
  }
  byId("details").replaceChildren(...details, nearestTable(reply.entries));
}

byId("question").addEventListener("submit", (event) => {
  event.preventDefault();
  work(byId("send"), async () => {
    if (!prompts.length) return load();
    const body = question();
    byId("said").textContent = "Asking…";
    byId("details").replaceChildren();
    try {
      showAnswer(await call("v1/predict", body));
    } catch (error) {
      byId("said").textContent = "No answer.";
      throw error;
    }
  });
});

byId("columns").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("question").requestSubmit();
});

byId("access").addEventListener("submit", (event) => {
  event.preventDefault();
  work(event.submitter ?? byId("access").querySelector("button"), async () => {
    token = byId("token").value.trim();
    if (!prompts.length) await load();
    else await call("v1/prompts");
    byId("token").value = "";
    byId("access").hidden = true;
    byId("task").focus();
  });
});

byId("task").addEventListener("change", chooseTask);
byId("prompt").addEventListener("change", choosePrompt);
work(byId("send"), load);
