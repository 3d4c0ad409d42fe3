// A process of a test: its output is kept for waiting and for error messages. Used by lab.ts, which
// starts every process, the tracker's and the clients'.

/** Output kept per process, in characters; older text is dropped. */
const OUTPUT_MAX = 200_000
/** What an error message shows of it. */
const OUTPUT_SHOWN = 4_000
/** Progress that a terminal would overwrite. */
const OVERWRITTEN = /[^\r\n]*\r/g
/** From SIGTERM to SIGKILL. */
const STOP_MS = 30_000

export class TestProcess {
  readonly name: string
  readonly #child: Bun.Subprocess<'pipe', 'pipe', 'pipe'>
  #output = ''
  /** Its process is gone, and all its output is here. */
  #ended = false

  /** `detached` puts it in a session of its own: signals to the test's group do not reach it. */
  constructor(
    name: string,
    command: string[],
    env: Record<string, string>,
    { detached = false } = {},
  ) {
    this.name = name
    const pipes = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' } as const
    this.#child = Bun.spawn(command, { ...pipes, env, detached })
    const streams = [this.#keep(this.#child.stdout), this.#keep(this.#child.stderr)]
    Promise.all([this.#child.exited, ...streams]).then(() => {
      this.#ended = true
    })
  }

  get output(): string {
    return this.#output
  }

  /** The last output, under the process's name: what an error message should end with. */
  get report(): string {
    const state = this.#ended ? `ended with ${this.#end}` : 'running'
    const lasting = this.#output.replace(OVERWRITTEN, '')
    return `--- ${this.name} (${state}) ---\n${lasting.slice(-OUTPUT_SHOWN)}`
  }

  writeLine(line: string): void {
    this.#child.stdin.write(`${line}\n`)
    this.#child.stdin.flush()
  }

  closeInput(): void {
    this.#child.stdin.end()
  }

  /** The first match in the output. Throws when the process ends or the time passes before. */
  async waitForOutput(pattern: RegExp, timeoutMs: number): Promise<RegExpMatchArray> {
    const find = () => this.#output.match(pattern)
    await waitUntil(() => find() !== null || this.#ended, timeoutMs)
    const match = find()
    if (match === null) throw new Error(`no ${pattern} in the output\n${this.report}`)
    return match
  }

  /** Its exit code, or the name of the signal that ended it. Throws when the time passes before. */
  async waitForEnd(timeoutMs: number): Promise<number | string> {
    if (await waitUntil(() => this.#ended, timeoutMs)) return this.#end
    throw new Error(`not ended in ${timeoutMs} ms\n${this.report}`)
  }

  /** Asks it to end; kills it if it does not. */
  async stop(): Promise<number | string> {
    this.#child.kill('SIGTERM')
    try {
      return await this.waitForEnd(STOP_MS)
    } catch (error) {
      this.#child.kill('SIGKILL')
      throw error
    }
  }

  /** Without a word. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.waitForEnd(STOP_MS)
  }

  get #end(): number | string {
    return this.#child.signalCode ?? this.#child.exitCode ?? 'unknown'
  }

  async #keep(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      this.#output += decoder.decode(chunk, { stream: true })
      if (this.#output.length > 2 * OUTPUT_MAX) this.#output = this.#output.slice(-OUTPUT_MAX)
    }
  }
}

/** Whether `condition` came true within the time; asks every 50 ms. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    if (await condition()) return true
    if (performance.now() > deadlineMs) return false
    await Bun.sleep(50)
  }
}
