// The line to a notebook's kernel. Nothing is asked of a kernel that isn't Python, and of one that is only
// which comms it has, until it has ours.

const TARGET = "cg2magic.inline";
const GONE = new Set(["restarting", "autorestarting", "terminating", "dead"]);

export class KernelLine {
  /** What the kernel says of itself, `{state, error, candidates}`; null where the extension is not loaded. */
  state = null;

  #session;
  #changed;
  #documentAround;
  #kernel = null;
  #comm = null;
  #looksAgain = false;
  #answers = new Map();

  /**
   * `changed` is called when there is something new to show; `documentAround(id)` gives the notebook around a
   * cell, null where there is no such cell.
   */
  constructor(sessionContext, changed, documentAround) {
    this.#session = sessionContext;
    this.#changed = changed;
    this.#documentAround = documentAround;
    sessionContext.kernelChanged.connect(() => this.#take());
    sessionContext.statusChanged.connect((_, status) => this.#follow(status));
    sessionContext.iopubMessage.connect((_, message) => {
      // The extension is loaded by name, whichever way.
      const { msg_type: type } = message.header;
      if (type === "execute_input") this.#looksAgain ||= message.content.code.includes("cg2magic");
    });
    this.#take();
  }

  /** Whether questions are welcome now. */
  get ready() {
    return this.state?.state === "ready" && (this.beside || this.#kernel.status === "idle");
  }

  /** Whether the kernel answers while a cell runs. */
  get beside() {
    return Boolean(this.#comm?.subshellId);
  }

  get thinking() {
    return this.#answers.size > 0;
  }

  /** Switch suggestions on or off, for all pages of the kernel. */
  turn() {
    this.#send({ do: "turn", on: this.state?.state === "off" });
  }

  /** Ask; `answer` is updated as the kernel writes, and ended when it has written. */
  ask(answer, ask) {
    this.#answers.set(answer.id, answer);
    this.#send({ do: "ask", ask: { id: answer.id, ...ask } });
    this.#changed();
  }

  cancel(answer) {
    if (!this.#answers.delete(answer.id)) return;
    answer.end();
    this.#send({ do: "cancel", id: answer.id });
    this.#changed();
  }

  /** Leave the kernel, and take the subshell along. */
  dispose() {
    const comm = this.#comm;
    if (comm && !comm.isDisposed) comm.dispose();
    this.#lose();
    this.#kernel = null;
  }

  #take() {
    this.#lose();
    this.#kernel = this.#session.session?.kernel ?? null;
    this.#look();
  }

  #follow(status) {
    if (GONE.has(status)) {
      this.#lose();
      this.#looksAgain = true;
    } else if (status === "idle" && this.#looksAgain) {
      this.#looksAgain = false;
      this.#look();
    }
  }

  /** Look whether the kernel has our comm, and listen to it. */
  async #look() {
    const kernel = this.#kernel;
    if (!kernel || this.#comm) return;
    try {
      const { language_info: language } = await kernel.info;
      if (language.name !== "python" || !kernel.handleComms) return;
      const { content } = await kernel.requestCommInfo({ target_name: TARGET });
      const [id] = Object.keys(content.comms ?? {});
      if (!id || kernel !== this.#kernel || this.#comm || kernel.hasComm(id)) return;
      const comm = (this.#comm = kernel.createComm(TARGET, id));
      comm.onMsg = ({ content: { data } }) => this.#hear(data);
      comm.onClose = () => this.#lose();
      if (kernel.supportsSubshells) {
        comm.commsOverSubshells = "perCommTarget"; // whatever the setting for widgets is
        await comm.subshellStarted;
      }
      // By its session the kernel knows which page a running cell is in; it waits only for one that answers.
      this.#send({ do: "hello", session: this.beside ? kernel.clientId : null });
    } catch {
      // The kernel went away meanwhile: the next one is looked at.
    }
  }

  #send(data) {
    if (this.#comm && !this.#comm.isDisposed) this.#comm.send(data);
  }

  #hear(data) {
    if (data.document) {
      // A cell waits for what is around it. Every page hears it; the one it is run in answers.
      if (data.session !== this.#kernel?.clientId) return;
      this.#send({ do: "document", id: data.document, document: this.#documentAround(data.cell) });
    }
    if (data.state) {
      this.state = data;
      if (data.state !== "ready") this.#endAll();
    }
    const answer = this.#answers.get(data.id);
    if (answer) {
      if (data.done) this.#answers.delete(data.id);
      answer.update(data);
    }
    if (data.state || data.done) this.#changed();
  }

  #lose() {
    this.#comm = null;
    this.state = null;
    this.#endAll();
    this.#changed();
  }

  #endAll() {
    for (const answer of this.#answers.values()) answer.end();
    this.#answers.clear();
  }
}
