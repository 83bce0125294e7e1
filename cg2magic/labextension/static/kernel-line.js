// The line to a notebook's kernel. Nothing is asked of a kernel that isn't Python, and of one that is only
// which comms it has, until it has ours.

/** @import { Answer } from "./answers.js" */

import { guarded } from "./guard.js";
import { Told } from "./told.js";

const TARGET = "cg2magic.inline";
// A page on a kernel that another page restarts hears nothing of it but that a kernel starts.
const GONE = new Set(["starting", "restarting", "autorestarting", "terminating", "dead"]);

export class KernelLine {
  /**
   * What the kernel says of itself; null where the extension is not loaded.
   *
   * @type {Inline.KernelState | null}
   */
  state = null;
  /**
   * The models that the kernel's machine can load, and the one that is in memory; null until they are known.
   *
   * @type {{ models: Inline.Choice[], resident: string } | null}
   */
  offer = null;
  /**
   * The load of a model that was chosen in a menu.
   *
   * @type {Inline.Load}
   */
  load = {};

  #session;
  #changed;
  #around;
  #usual;
  /** @type {Jupyter.Kernel | null} */
  #kernel = null;
  /** @type {Jupyter.Comm | null} */
  #comm = null;
  #looksAgain = false;
  /**
   * The session of the kernel's messages: another one after a restart.
   *
   * @type {string | null}
   */
  #speaker = null;
  /**
   * What this comm was told of the notebook.
   *
   * @type {Told | null}
   */
  #told = null;
  /**
   * What was asked, and the answer that is still being written, by its id.
   *
   * @type {Map<string, { answer: Answer, ask: Inline.Ask }>}
   */
  #waiting = new Map();

  /**
   * @param {Jupyter.SessionContext} sessionContext
   * @param {() => void} changed - Is called when there is something new to show.
   * @param {(cell: string) => Inline.Around} around - Gives what is around a cell.
   * @param {() => Inline.Usual} usual - Gives what a kernel does of which nothing else was said.
   */
  constructor(sessionContext, changed, around, usual) {
    this.#session = sessionContext;
    this.#changed = changed;
    this.#around = around;
    this.#usual = usual;
    sessionContext.kernelChanged.connect(() => this.#take());
    sessionContext.statusChanged.connect((_, status) => this.#follow(status));
    // Whatever was said while it was broken is lost, and the kernel may be another one by now.
    sessionContext.connectionStatusChanged.connect((_, status) => status === "connected" && this.#look());
    sessionContext.iopubMessage.connect((_, message) => this.#overhear(message));
    this.#take();
  }

  /**
   * Whether questions are welcome now.
   *
   * @returns {boolean}
   */
  get ready() {
    return Boolean(this.state?.asks) && (this.beside || this.#kernel?.status === "idle");
  }

  /**
   * Whether the kernel answers while a cell runs.
   *
   * @returns {boolean}
   */
  get beside() {
    return Boolean(this.#comm?.subshellId);
  }

  /** @returns {boolean} */
  get thinking() {
    return this.#waiting.size > 0;
  }

  /**
   * Switch suggestions on or off, for all pages of the kernel.
   *
   * @returns {void}
   */
  turn() {
    this.switch(this.state?.state === "off", this.state?.on_demand);
  }

  /**
   * Have suggestions, for all pages of the kernel.
   *
   * @param {boolean} on
   * @param {boolean} [onDemand] - Only when the person asks for one.
   * @returns {void}
   */
  switch(on, onDemand = false) {
    this.#send({ do: "turn", on, on_demand: onDemand });
  }

  /**
   * Ask which models there are; `offer` has them soon.
   *
   * @returns {void}
   */
  askForModels() {
    this.#send({ do: "models" });
  }

  /**
   * Load a model; `load` says how far it is.
   *
   * @param {string} name
   * @returns {void}
   */
  loadModel(name) {
    this.#send({ do: "load", name });
  }

  /**
   * Try again what failed, or load again what was unloaded.
   *
   * @returns {void}
   */
  retry() {
    this.#send({ do: "retry" });
  }

  /**
   * Ask; `answer` is updated as the kernel writes, and ended when it has written.
   *
   * @param {Answer} answer
   * @param {Inline.Ask} ask
   * @returns {void}
   */
  ask(answer, ask) {
    this.#waiting.set(answer.id, { answer, ask });
    this.#put(answer.id, ask);
    this.#changed();
  }

  /**
   * @param {Answer} answer
   * @returns {void}
   */
  cancel(answer) {
    if (!this.#waiting.delete(answer.id)) return;
    answer.end();
    this.#send({ do: "cancel", id: answer.id });
    this.#changed();
  }

  /**
   * Leave the kernel, and take the subshell along.
   *
   * @returns {void}
   */
  dispose() {
    this.#lose();
    this.#kernel = null;
  }

  /** @returns {void} */
  #take() {
    this.#lose();
    this.#kernel = this.#session.session?.kernel ?? null;
    this.#speaker = null;
    this.#look();
  }

  /**
   * @param {string} status
   * @returns {void}
   */
  #follow(status) {
    if (GONE.has(status)) {
      this.#lose();
      this.#looksAgain = true;
    } else if (status === "idle" && (this.#looksAgain || this.#comm?.isDisposed)) {
      // JupyterLab disposes of a comm when another page has restarted the kernel.
      this.#looksAgain = false;
      this.#look();
    }
  }

  /**
   * Take notice of what the kernel says to everybody.
   *
   * @param {Jupyter.IOPubMessage} message
   * @returns {void}
   */
  #overhear({ header, content }) {
    const { msg_type: type, session } = header;
    // The extension is loaded by name, whichever way.
    if (type === "execute_input") this.#looksAgain ||= Boolean(content.code?.includes("cg2magic"));
    // The server itself says that a kernel restarts or is dead, with a session of its own.
    if (type === "status" && GONE.has(content.execution_state ?? "")) return;
    // A kernel that another page has restarted says "starting" before this page can hear it again. What it
    // says later shows by its session that it is a new one.
    const before = this.#speaker;
    this.#speaker = session;
    if (before === null || before === session) return;
    this.#lose();
    this.#look();
  }

  /**
   * Look whether the kernel has our comm, and listen to it; again, whether it still has it.
   *
   * @returns {Promise<void>}
   */
  async #look() {
    const kernel = this.#kernel;
    if (!kernel) return;
    try {
      const { language_info: language } = await kernel.info;
      if (language.name !== "python" || !kernel.handleComms) return;
      const { content } = await kernel.requestCommInfo({ target_name: TARGET });
      if (kernel !== this.#kernel) return;
      const [id] = Object.keys(content.comms ?? {});
      if (this.#comm && (this.#comm.isDisposed || this.#comm.commId !== id)) this.#lose();
      if (!id || (!this.#comm && kernel.hasComm(id))) return;
      if (!this.#comm) await this.#listen(kernel, id);
      else this.#endAll();
      // By its session the kernel knows which page a running cell is in; it waits only for one that answers.
      const session = this.beside ? kernel.clientId : null;
      this.#send({ do: "hello", session, usual: this.#usual() });
    } catch {
      // The kernel went away meanwhile: the next one is looked at.
    }
  }

  /**
   * @param {Jupyter.Kernel} kernel
   * @param {string} id - Of the comm.
   * @returns {Promise<void>}
   */
  async #listen(kernel, id) {
    const comm = kernel.createComm(TARGET, id);
    this.#comm = comm;
    this.#told = new Told();
    comm.onMsg = guarded(({ content: { data } }) => this.#hear(data));
    comm.onClose = guarded(() => this.#lose());
    if (!kernel.supportsSubshells) return;
    comm.commsOverSubshells = "perCommTarget"; // whatever the setting for widgets is
    await guarded(() => comm.subshellStarted)(); // without one it goes on, between the cells
  }

  /**
   * @param {string} id
   * @param {Inline.Ask} ask
   * @returns {void}
   */
  #put(id, { document, ...ask }) {
    this.#send({ do: "ask", ask: { id, ...ask, document: this.#told?.tell(document) } });
  }

  /**
   * @param {object} data
   * @returns {void}
   */
  #send(data) {
    try {
      if (this.#comm && !this.#comm.isDisposed) {
        this.#comm.send(data);
        return;
      }
    } catch {
      // The kernel died, and JupyterLab has not said so yet.
    }
    this.#looksAgain = true;
    this.#lose();
  }

  /**
   * @param {Inline.FromKernel} data
   * @returns {void}
   */
  #hear(data) {
    if (data.document) {
      // A cell waits for what is around it. Every page hears it; the one it is run in answers.
      if (data.session !== this.#kernel?.clientId) return;
      this.#send({ do: "document", id: data.document, ...this.#around(data.cell ?? "") });
    }
    if (data.state) {
      this.state = /** @type {Inline.KernelState} */ (data); // they come together
      if (!data.asks) this.#endAll();
    }
    if (data.models) this.offer = { models: data.models, resident: data.resident ?? "" };
    if (data.load) this.load = data.load;
    const { id = "" } = data;
    const asked = this.#waiting.get(id);
    if (data.again) {
      // The kernel lacks what the change to the document builds on.
      this.#told?.missed(data.again);
      if (asked) this.#put(id, asked.ask);
    } else if (asked) {
      if (data.done) this.#waiting.delete(id);
      asked.answer.update(/** @type {Inline.Text} */ (data)); // what is of an answer is one
    }
    if (data.state || data.done || data.models || data.load) this.#changed();
  }

  /** @returns {void} */
  #lose() {
    const comm = this.#comm;
    this.#comm = null;
    this.#told = null;
    this.state = null;
    this.offer = null;
    this.load = {};
    if (comm && !comm.isDisposed) comm.dispose();
    this.#endAll();
    this.#changed();
  }

  /** @returns {void} */
  #endAll() {
    for (const { answer } of this.#waiting.values()) answer.end();
    this.#waiting.clear();
  }
}
