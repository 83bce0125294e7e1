// What the panel's widget tells its page (frontends/panel/widget.py), and what anywidget gives a module.

declare namespace Panel {
  type State = "queued" | "loading" | "writing" | "checking" | "done" | "stopped" | "failed";

  /** A style, a text, and 1 where a model wrote it; or where it writes next: the style "caret" alone. */
  type Segment = [style: string, text?: string, written?: 0 | 1];

  interface Line {
    as: string;
    of: Segment[];
  }

  interface Candidate {
    lines: Line[];
    verdict: string;
    mark: string;
    /** Whether anything was. */
    written: boolean;
    done: boolean;
    /** The numbers of those that came to this text, once equal ones are merged. */
    drawn: number[];
    /** Whether it broke off, and the model can go on from there. */
    goes_on: boolean;
  }

  interface Card {
    job: number;
    state: State;
    model: string | null;
    about: string;
    status: string;
    progress: number | null;
    error: string;
    unchecked: boolean;
    /** The candidate that is looked at first. */
    fresh: number;
    /** Lines for which room is made before they are written. */
    spare: number;
    candidates: Candidate[];
  }

  /** A choice in the place of a token. */
  interface Other {
    id: number;
    shown: string;
    percent: string;
    share: number;
    /** Whether it is the one that stands there. */
    here: boolean;
  }

  interface HeatCell {
    level: number;
    place: number;
    shown: string;
    percent: string;
    told: string;
    /** Whether the model wanted another one, of a name that is not in the kernel. */
    corrected: boolean;
    others: Other[];
  }

  interface Heat {
    /** Texts, each with the cell that it is of, -1 for none. */
    lines: [text: string, cell: number][][];
    cells: HeatCell[];
    live: boolean;
    /** Why there are no cells; empty if there are. */
    reason: string;
    /** The style of each level, and its name. */
    looks: string[];
    names: string[];
  }

  /** What was done to the notebook, as far as it is needed to undo it. */
  interface Done {
    cell: string;
    /** What was written there, and what it replaced. */
    source: string;
    before?: string;
  }

  interface Outcome {
    candidate?: number;
    what?: string;
    note?: string;
    done?: Done | null;
    folded?: boolean;
  }

  /** Where the person edits a text. */
  interface Editor {
    focus(): void;
    dispose(): void;
  }

  /** Makes the editor of a notebook's cells in a place of the panel; null if it is not a notebook of this page. */
  type LendEditor = (
    context: Jupyter.Context,
    host: HTMLElement,
    given: { text: string; label: string; changed(text: string): void },
  ) => Editor | null;

  /** The traits of `Panel`. */
  interface Traits {
    panel_id: string;
    cell_id: string;
    asked: string;
    in_place: boolean;
    session: string;
    insert: "ask" | "below" | "replace" | "none";
    can_regenerate: boolean;
    asks_document: boolean;
    card: Card;
    saved: Record<string, string>;
    heat: { job?: number; candidates?: Heat[] };
    prompt: string;
    outcome: Outcome;
    /** What is said below the suggestion, and the text behind its button; empty until it is asked for. */
    advice: { note?: string; text?: string };
  }

  /** The traits of `NotebookSettings`. */
  interface SettingsTraits {
    wanted: Jupyter.NotebookSettings;
  }

  /** A widget's model as anywidget hands it to a module. */
  interface Model<T> {
    get<Name extends keyof T>(name: Name): T[Name];
    set<Name extends keyof T>(name: Name, value: T[Name]): void;
    save_changes(): void;
    send(message: object): void;
    on(event: `change:${Extract<keyof T, string>}`, call: () => void): void;
    /** The page's; only JupyterLab's and Notebook's knows its notebook. */
    widget_manager?: {
      context?: Partial<Jupyter.Context>;
      get_model?(id: string): Promise<Backbone>;
    };
  }

  type PanelModel = Model<Traits>;

  /** The model behind `Model`, which knows whether its kernel is there. */
  interface Backbone {
    comm_live: boolean;
    on?(event: "comm_live_update", call: () => void): void;
  }
}
