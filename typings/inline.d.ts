// What a page and a kernel tell each other about suggestions while typing: frontends/inline/switch.py, documents.py.

declare namespace Inline {
  /** A notebook as a kernel reads it (context/document.py). */
  interface Document {
    cells: Cell[];
    /** Index of the cell that asks; null where it is gone, and then all of them are above it. */
    active: number | null;
    metadata: { cg2magic: Jupyter.NotebookSettings };
  }

  interface Cell {
    id: string;
    cell_type: Jupyter.CellType;
    source: string;
  }

  /** Cells that were there: the first one's place in the version before, and how many. */
  type Run = [first: number, count: number];

  interface Change {
    cells?: (Cell | Run)[];
    active?: number | null;
    metadata?: Document["metadata"];
  }

  /** What a cell that is run wants to know of its page. */
  interface Around {
    /** Null where there is no such cell. */
    document: Document | null;
    /** The cell's text before the cursor. */
    before: string | null;
  }

  interface Version {
    page: string;
    version: number;
  }

  interface Ask {
    prefix: string;
    suffix: string;
    document: Document;
    candidates: number;
    by_hand: boolean;
    accepted: boolean;
  }

  type State = "off" | "loading" | "ready" | "failed" | "unloaded";

  /** What the kernel says of itself. */
  interface KernelState {
    state: State;
    asks: boolean;
    error: string;
    candidates: number;
    /** Whether nothing is suggested before the person asks for it. */
    on_demand: boolean;
  }

  /** What is usual for a person in notebooks where nothing else was said. */
  type Usual = "off" | "on" | "on demand";

  /** A model that may be loaded. */
  interface Choice {
    name: string;
    about: string;
    /** What a person has to agree to before; empty where nothing is downloaded. */
    ask: string;
  }

  /** The load of a chosen model; of one that is over, nothing is left but an error. */
  interface Load {
    name?: string;
    said?: string;
    error?: string;
  }

  interface Text {
    texts: string[];
    done: boolean;
    error: string;
  }

  /** A message of the kernel: of its state, of an answer, or a question for a document. */
  interface FromKernel extends Partial<Omit<KernelState, "error">>, Partial<Text> {
    /** Of the question that is answered. */
    id?: string;
    /** The version that the kernel lacks. */
    again?: Version;
    /** What a menu may offer, and the model that is in memory. */
    models?: Choice[];
    resident?: string;
    load?: Load;
    /** A cell waits for what is around it: the name of that question, the page's session, and the cell. */
    document?: string;
    session?: string;
    cell?: string;
  }
}
