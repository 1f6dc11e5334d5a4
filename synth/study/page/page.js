"use strict";
// One page for both ways: with a server every choice is sent before the next pair comes; without one
// (STUDY.sheets holds the orders) choices are kept in this browser and given out as a file at the end.

const byId = (id) => document.getElementById(id);
const KEY = `synth-study-${STUDY.study}`;
const RETRY = 1500; // milliseconds
const PATIENCE = 20000; // milliseconds to wait for the server's reply before asking again
const PAUSE = 350; // milliseconds between a choice and the next pair
const STATIC = STUDY.sheets !== null;

// ---- what this browser keeps ------------------------------------------------------------------------

let kept = {}; // rater, sheet, answers (without a server); rater, unsent (with one)
let lasting = true; // whether the browser keeps it when the page is closed

function load() {
  try {
    kept = JSON.parse(localStorage.getItem(KEY)) || {};
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    lasting = false;
  }
}

function keep() {
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    lasting = false;
  }
}

function forget() {
  kept = {};
  try {
    localStorage.removeItem(KEY);
  } catch {
    lasting = false;
  }
}

function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function drawnSheet() {
  const asked = /^[0-9]{1,5}$/.exec(new URLSearchParams(location.search).get("sheet") || "");
  if (asked && Number(asked[0]) < STUDY.sheets.length) return Number(asked[0]);
  return crypto.getRandomValues(new Uint32Array(1))[0] % STUDY.sheets.length;
}

// ---- the two ways of keeping answers ----------------------------------------------------------------

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// The server's reply; asks again for as long as nobody answers, as where it was killed.
async function request(path, content) {
  const options = content === undefined ? { cache: "no-store" } : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content),
  };
  for (;;) {
    try {
      const response = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE) });
      if (response.status < 500) {
        const body = await response.json();
        showTrouble("");
        return { status: response.status, body };
      }
    } catch {
      // no server, or one that went away in the middle
    }
    showTrouble("The study's server does not answer. Your choice is kept; trying again …");
    await wait(RETRY);
  }
}

const served = {
  async begin() {
    const { status, body } = await request("raters", { consent: true });
    if (status !== 201) throw new Error(body.error);
    kept = { rater: body.rater };
    keep();
  },
  async state() {
    if (!kept.rater) return null;
    if (kept.unsent) await this.send();
    const { status, body } = await request(`raters/${kept.rater}`);
    if (status !== 200) {
      forget(); // answers that were begun anew do not know this rater
      return null;
    }
    return body;
  },
  async answer(answer) {
    kept.unsent = answer;
    keep();
    return this.send();
  },
  async send() {
    const { status, body } = await request(`raters/${kept.rater}/answers`, kept.unsent);
    delete kept.unsent;
    keep();
    // 409: it had an answer already, as where the first reply was lost; the server says what is next.
    if (status !== 201 && status !== 409) throw new Error(body.detail || body.error);
    return body.next;
  },
};

const alone = {
  async begin() {
    kept = { rater: randomName(), sheet: drawnSheet(), answers: [] };
    keep();
  },
  async state() {
    if (!kept.rater) return null;
    return { trials: STUDY.sheets[kept.sheet], next: kept.answers.length };
  },
  async answer(answer) {
    if (lasting) load(); // another tab may have gone on
    if (answer.trial === kept.answers.length) kept.answers.push(answer);
    keep();
    return kept.answers.length;
  },
};

const answers = STATIC ? alone : served;

// ---- cards ------------------------------------------------------------------------------------------

function card(heading, lines, action, { agreement = "", second = null } = {}) {
  byId("trial").hidden = true;
  byId("card").hidden = false;
  byId("heading").textContent = heading;
  byId("text").replaceChildren(...lines.filter(Boolean).map((line) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = line;
    return paragraph;
  }));
  byId("agreement").textContent = agreement;
  byId("agreement").hidden = !agreement;
  const buttons = [[byId("action"), action], [byId("second"), second]];
  return new Promise((done) => {
    for (const [button, label] of buttons) {
      button.hidden = !label;
      button.textContent = label || "";
      button.onclick = () => done(button.id);
    }
    if (action) byId("action").focus();
  });
}

function showTrouble(text) {
  byId("hint").textContent = text;
  if (byId("trial").hidden && text) card("One moment", [text], null);
}

const saved = () => (lasting ? "" :
  "This browser keeps nothing for this page: do not close or reload it before the end.");

// ---- one trial --------------------------------------------------------------------------------------

async function loaded(picture, name) {
  for (;;) {
    picture.src = `pictures/${name}`;
    try {
      await picture.decode();
      return;
    } catch {
      showTrouble("A picture cannot be loaded; trying again …");
      await wait(RETRY);
      picture.removeAttribute("src");
    }
  }
}

const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

// Resolves to true after the time, or to false when the page went out of sight in between.
function inSight(milliseconds) {
  return new Promise((done) => {
    const hidden = () => { if (document.hidden) finish(false); };
    const timer = setTimeout(() => finish(true), milliseconds);
    function finish(result) {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", hidden);
      done(result);
    }
    document.addEventListener("visibilitychange", hidden);
  });
}

const backInSight = () => new Promise((done) => {
  const look = () => {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", look);
    done();
  };
  document.addEventListener("visibilitychange", look);
  look();
});

async function show(trial) {
  const pair = byId("pair");
  pair.className = "pair";
  await Promise.all([loaded(byId("leftPicture"), trial[0]), loaded(byId("rightPicture"), trial[1])]);
  byId("hint").textContent = "Look at both pictures.";
  for (;;) {
    await backInSight();
    pair.className = "pair showing";
    await drawn();
    const seen = await inSight(1000 * STUDY.seconds);
    pair.className = "pair";
    if (seen) return;
  }
}

function choose() {
  byId("pair").className = "pair choosing";
  byId("hint").textContent = "Press ← or →, or click or tap a side.";
  const start = performance.now();
  return new Promise((done) => {
    const take = (side) => {
      removeEventListener("keydown", pressed);
      byId("left").onclick = byId("right").onclick = null;
      byId(side).classList.add("chosen");
      done({ choice: side, milliseconds: Math.round(performance.now() - start) });
    };
    const pressed = (event) => {
      if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
      const side = { ArrowLeft: "left", ArrowRight: "right" }[event.key];
      if (!side) return;
      event.preventDefault();
      take(side);
    };
    addEventListener("keydown", pressed);
    byId("left").onclick = () => take("left");
    byId("right").onclick = () => take("right");
  });
}

function preload(trial) {
  for (const name of trial ? trial.slice(0, 2) : []) new Image().src = `pictures/${name}`;
}

async function run(trials, next) {
  const practice = trials.filter((trial) => trial[2]).length;
  while (next < trials.length) {
    if (next === practice && practice > 0) {
      await card("Practice is over", [
        `From here on every choice counts: ${trials.length - practice} pairs.`,
        STUDY.question,
      ], "Begin");
    }
    const trial = trials[next];
    byId("card").hidden = true;
    byId("trial").hidden = false;
    byId("question").textContent = STUDY.question;
    byId("count").textContent = trial[2] ? `practice ${next + 1} of ${practice}`
      : `${next - practice + 1} of ${trials.length - practice}`;
    document.activeElement.blur();
    await show(trial);
    preload(trials[next + 1]);
    const choice = await choose();
    byId("hint").textContent = "";
    next = await answers.answer({ trial: next, ...choice });
    await wait(PAUSE);
    byId("left").classList.remove("chosen");
    byId("right").classList.remove("chosen");
  }
}

// ---- the whole --------------------------------------------------------------------------------------

function download() {
  const content = { study: STUDY.study, rater: kept.rater, sheet: kept.sheet, answers: kept.answers };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content)], { type: "application/json" }));
  link.download = `answers-${STUDY.study}-${kept.rater}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function main() {
  load();
  let state = await answers.state();
  if (state === null) {
    await card(STUDY.question, [
      `You will see two pictures side by side for ${STUDY.seconds} seconds. They vanish, and you choose ` +
      "one: with the keys ← and →, the mouse, or a finger. There is no right answer to most; go by your " +
      "first impression. The first few pairs are for practice.",
      "You may stop at any time and go on later on this device.",
      saved(),
    ], "I agree, begin", { agreement: STUDY.consent });
    await answers.begin();
    state = await answers.state();
  } else if (state.next < state.trials.length) {
    await card("Welcome back", [`${state.next} of ${state.trials.length} pairs are answered.`], "Go on");
  }
  await run(state.trials, state.next);
  for (;;) {
    const lines = STATIC ? ["All pairs are answered. Download your answers and send the file to whoever " +
      "asked you; nothing has been sent by this page.", saved()] :
      ["All pairs are answered, and your answers are kept. You may close this page."];
    const pressed = await card("Thank you", lines, STATIC ? "Download my answers" : null,
      { second: "Another person begins" });
    if (pressed === "action") {
      download();
    } else {
      forget();
      location.reload();
      return;
    }
  }
}

main().catch((error) => card("Something went wrong",
  [String(error.message || error), "Reload this page to go on; what you have answered is kept."], null));
