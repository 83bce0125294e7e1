// What our modules touch of JupyterLab's and Colab's objects, which have no types of their own in a page.
// What older versions lack, or another front end, is optional here, so that nothing relies on it.

interface Signal<Sender, Args> {
  connect(slot: (sender: Sender, args: Args) => void): unknown;
  disconnect(slot: (sender: Sender, args: Args) => void): unknown;
}

declare namespace Jupyter {
  type CellType = "code" | "markdown" | "raw";

  /** One output of a cell in the shared document. */
  interface SharedOutput {
    get?(name: string): Record<string, { model_id?: string }> | undefined;
    set(name: string, value: unknown): void;
  }

  interface UndoManager {
    stopCapturing?(): void;
  }

  interface CellChange {
    sourceChange?: { insert?: unknown }[];
  }

  interface SharedCell {
    readonly id: string;
    readonly cell_type: CellType;
    readonly ymodel?: { get(name: "outputs"): { toArray?(): SharedOutput[] } | undefined };
    readonly undoManager?: UndoManager | null;
    readonly changed: Signal<SharedCell, CellChange>;
    getSource(): string;
    setSource(source: string): void;
  }

  /** The document of a notebook, which all its views share. */
  interface SharedNotebook {
    readonly cells: SharedCell[];
    readonly undoManager?: UndoManager | null;
    readonly metadataChanged?: Signal<SharedNotebook, unknown>;
    insertCell(index: number, cell: { cell_type: CellType; source: string; metadata: object }): SharedCell;
    deleteCell(index: number): void;
    getMetadata(key: "cg2magic"): NotebookSettings | undefined;
    setMetadata(key: "cg2magic", value: NotebookSettings): void;
    transact(change: () => void, undoable?: boolean): void;
  }

  /** The notebook's own settings for us; whatever a file holds there. */
  type NotebookSettings = { context?: string; vars?: string; ground?: string };

  interface Context {
    readonly model: {
      readonly sharedModel: SharedNotebook;
      readonly defaultKernelLanguage?: string;
      dirty: boolean;
    };
    readonly sessionContext?: SessionContext;
  }

  interface SessionContext {
    readonly session: { readonly kernel: Kernel | null } | null;
    readonly kernelChanged: Signal<SessionContext, unknown>;
    readonly statusChanged: Signal<SessionContext, string>;
    readonly connectionStatusChanged: Signal<SessionContext, string>;
    readonly iopubMessage: Signal<SessionContext, IOPubMessage>;
  }

  /** Of what a kernel broadcasts: code where a cell is executed, a state where that is what it says. */
  interface IOPubMessage {
    header: { msg_type: string; session: string };
    content: { code?: string; execution_state?: string };
  }

  interface Reply<Content> {
    readonly done: Promise<{ content: Content }>;
  }

  /** A cell's code on its way. */
  type Future = Reply<{ status?: string }>;

  interface Kernel {
    readonly clientId: string;
    readonly status: string;
    readonly info: Promise<{ language_info: { name: string } }>;
    readonly handleComms: boolean;
    /** Since JupyterLab 4.4. */
    readonly supportsSubshells?: boolean;
    subshellId: string | null;
    requestCommInfo(content: {
      target_name: string;
    }): Promise<{ content: { comms?: Record<string, unknown> } }>;
    hasComm(id: string): boolean;
    createComm(target: string, id: string): Comm;
    clone(): Kernel;
    dispose(): void;
    requestExecute(
      content: { code: string; silent?: boolean; store_history: boolean; allow_stdin: boolean },
      disposeOnDone?: boolean,
      metadata?: object,
    ): Future;
    requestCreateSubshell(content: object): Reply<{ subshell_id: string }>;
    requestDeleteSubshell(content: { subshell_id: string }): Reply<unknown>;
  }

  interface Comm {
    readonly commId: string;
    readonly isDisposed: boolean;
    readonly subshellId?: string | null;
    readonly subshellStarted?: Promise<unknown>;
    commsOverSubshells?: string;
    onMsg: (message: { content: { data: Inline.FromKernel } }) => void;
    onClose: () => void;
    send(data: unknown): void;
    dispose(): void;
  }

  interface EditorView {
    readonly state: { replaceSelection(text: string): object };
    dispatch(...changes: object[]): void;
  }

  interface Editor {
    readonly host: HTMLElement;
    /** CodeMirror's own view. */
    readonly editor?: EditorView;
    getCursorPosition(): { line: number; column: number };
    getOffsetAt(position: { line: number; column: number }): number;
    getLine(line: number): string | undefined;
    replaceSelection(text: string): void;
    blur(): void;
    focus(): void;
  }

  interface CellModel {
    readonly id: string;
    readonly type: CellType;
    readonly sharedModel: SharedCell;
    trusted: boolean;
    clearExecution?(): void;
  }

  interface Cell {
    readonly node: HTMLElement;
    readonly model: CellModel;
    readonly editor: Editor | null;
    /** Of a code cell: what is executed for it writes its output there. */
    readonly outputArea?: { future: Future };
  }

  interface Notebook {
    readonly widgets: readonly Cell[];
    readonly activeCell: Cell | null;
    readonly activeCellIndex: number;
    readonly activeCellChanged: Signal<Notebook, Cell | null>;
    readonly codeMimetype: string;
    readonly editorConfig: { code: object };
    readonly contentFactory: { editorFactory(options: EditorOptions): { focus(): void; dispose(): void } };
  }

  interface EditorOptions {
    host: HTMLElement;
    model: EditorModel;
    config: object;
    extensions: object[];
  }

  /** A text that is edited, and no cell. */
  interface EditorModel {
    readonly sharedModel: {
      readonly changed: Signal<unknown, unknown>;
      getSource(): string;
      setSource(source: string): void;
      clearUndoHistory(): void;
      undo(): void;
      redo(): void;
    };
    dispose(): void;
  }

  /** A key of CodeMirror, and what it does, alone and with Shift; true where nothing else is to be done. */
  interface KeyBinding {
    key: string;
    run: () => boolean;
    shift?: () => boolean;
  }

  /** A notebook in the page. */
  interface Panel {
    readonly id: string;
    readonly content: Notebook;
    readonly context: Context;
    readonly sessionContext: SessionContext;
    readonly disposed: Signal<Panel, unknown>;
    readonly toolbar: { addItem(name: string, item: Widget): boolean };
  }

  interface Tracker {
    readonly currentWidget: Panel | null;
    readonly widgetAdded: Signal<Tracker, Panel>;
    readonly currentChanged: Signal<Tracker, Panel | null>;
    forEach(call: (panel: Panel) => void): void;
    find(call: (panel: Panel) => boolean): Panel | undefined;
  }

  /** Of Lumino. */
  interface Widget {
    readonly node: HTMLElement;
    addClass(name: string): void;
    setHidden(hidden: boolean): void;
  }

  type WidgetClass = new () => Widget;

  interface StatusBar {
    registerStatusItem(id: string, item: { item: Widget; align: "right"; rank: number }): unknown;
  }

  interface Palette {
    addItem(item: { command: string; category: string }): unknown;
  }

  interface Commands {
    addCommand(
      id: string,
      options: {
        label: string | ((args: Args) => string);
        execute: (args: Args) => unknown;
        isEnabled: () => boolean;
        isToggled?: (args: Args) => boolean;
      },
    ): unknown;
    execute(id: string): Promise<unknown>;
  }

  /** What an item of a menu gives its command. */
  type Args = Record<string, string | undefined>;

  type CommandsClass = new () => Commands;

  interface App {
    readonly commands: Commands;
  }

  /** Of Lumino. */
  interface Menu {
    readonly title: { label: string };
    addItem(item: { command?: string; args?: Args; type?: "separator" | "submenu"; submenu?: Menu }): unknown;
    readonly childMenu: Menu | null;
    clearItems(): void;
    open(x: number, y: number): void;
    triggerActiveItem(): void;
  }

  type MenuClass = new (options: { commands: Commands }) => Menu;

  /** The settings of our plugin. */
  interface Settings {
    readonly changed: Signal<Settings, void>;
    get(name: "suggestions"): { composite?: Inline.Usual };
    set(name: "suggestions", value: Inline.Usual): Promise<void>;
  }

  interface SettingRegistry {
    load(plugin: string): Promise<Settings>;
  }

  interface CompletionManager {
    /** Since JupyterLab 4.1. */
    registerInlineProvider?(provider: object): void;
    /** Since JupyterLab 4.2, unless it is disabled. */
    readonly inline?: { invoke(panel: string): void } | null;
  }

  /** Where the inline completer wants a suggestion. */
  interface CompletionRequest {
    text: string;
  }

  interface CompletionContext {
    triggerKind: number;
    widget?: Panel;
  }

  interface InlineItem {
    insertText: string;
    isIncomplete: boolean;
    token?: string;
  }

  /** What module federation shares: a package's versions, each loaded or to be. */
  type Shared = Record<string, Record<string, { loaded?: unknown; get(): Promise<() => object> }>>;

  /** What we take from the packages that are shared; a front end may lack each of them. */
  interface Taken {
    ICompletionProviderManager?: unknown;
    INotebookTracker?: unknown;
    IStatusBar?: unknown;
    ICommandPalette?: unknown;
    ISettingRegistry?: unknown;
    Widget?: WidgetClass;
    /** Lumino's menu with JupyterLab's signs. */
    MenuSvg?: MenuClass;
    CommandRegistry?: CommandsClass;
    showDialog?(options: { title: string; body: string; buttons: object[] }): Promise<{
      button: { accept: boolean };
    }>;
    CodeEditor?: { Model: new (options: { mimeType: string }) => EditorModel };
    /** Of CodeMirror. */
    EditorView?: { contentAttributes: { of(attributes: Record<string, string>): object } };
    keymap?: { of(bindings: KeyBinding[]): object };
    Dialog?: { cancelButton(): object; okButton(options: { label: string }): object };
  }
}

interface Window {
  /** The containers of JupyterLab's prebuilt extensions. */
  _JUPYTERLAB?: Record<string, { init(scope: Jupyter.Shared): void; get(): Promise<() => object> }>;
}

/** What Colab gives the modules of its widgets. */
declare var google: { colab?: { notebook?: { addCell?(source: string, type: "code"): void } } } | undefined;
