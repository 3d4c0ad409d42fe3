// What a load tester shows while it runs, on standard error: in a terminal one line that is
// redrawn, with a bar for the duration; elsewhere a plain line now and then.
// Used by the main function of each tester. Owns the terminal's line until `end`.
import { writeStderr } from '../src/config/output.ts'

const BAR_CELLS = 20
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']
/** Between two plain lines. */
const PLAIN_SECONDS = 5
const COLUMNS_DEFAULT = 100

export class Progress {
  private readonly isTerminal: boolean
  private readonly durationSec: number
  private readonly write: (text: string) => void
  private readonly columns: () => number
  private nextPlain = PLAIN_SECONDS
  private drawn = false

  /** `durationSec` 0 means without end. The other two are the process's own except in tests. */
  constructor(
    durationSec: number,
    isTerminal = process.stderr.isTTY === true,
    write: (text: string) => void = writeStderr,
    columns: () => number = () => process.stderr.columns ?? COLUMNS_DEFAULT,
  ) {
    this.durationSec = durationSec
    this.isTerminal = isTerminal
    this.write = write
    this.columns = columns
  }

  /** `parts` are short texts, the most important one first: a narrow terminal shows only those that fit. */
  show(second: number, parts: readonly string[]): void {
    if (this.isTerminal) {
      this.draw(`${this.bar(second)} ${this.time(second)}`, parts)
      return
    }
    // A timer fires a little early or late.
    const due = second + 0.5
    if (due < this.nextPlain) return
    this.nextPlain = (Math.floor(due / PLAIN_SECONDS) + 1) * PLAIN_SECONDS
    this.write(`${this.time(second)}: ${parts.join(', ')}\n`)
  }

  /** Ends the line, so that others can write. */
  end(): void {
    if (this.drawn) this.write('\r\x1b[K')
    this.drawn = false
  }

  private draw(head: string, parts: readonly string[]): void {
    const room = this.columns() - 1
    let line = head
    for (const part of parts) {
      if ([...line].length + part.length + 2 > room) break
      line += `  ${part}`
    }
    this.drawn = true
    this.write(`\r\x1b[K${[...line].slice(0, room).join('')}`)
  }

  private bar(second: number): string {
    const share = this.durationSec === 0 ? 0 : Math.min(1, second / this.durationSec)
    const eighths = Math.floor(share * BAR_CELLS * 8)
    const filled = '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7]
    if (this.durationSec > 0) return `▕${filled.padEnd(BAR_CELLS)}▏`
    const spinner = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'
    return spinner.charAt(Math.floor(second) % spinner.length)
  }

  private time(second: number): string {
    const end = this.durationSec === 0 ? '' : `/${this.durationSec}`
    return `${Math.round(second)}${end} s`
  }
}
