// Runs a load tester of aquatic 0.9 (aquatic_udp_load_test and its siblings) and adds up what it
// prints. Used by aquatic_bench, the soak test and bench/workers.ts. Owns the generator's process
// while it runs.
//
// The generator prints a block of rates every five seconds, about those five seconds alone. Our
// clock and the tracker's CPU time are read when a block's first line arrives, so responses and CPU
// time cover the same window to a few milliseconds.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, startChild } from '../children.ts'

/** The generator's own reporting interval. */
export const BLOCK_SECONDS = 5

const FIRST_LINE = 'Requests out:'
/** For UDP, WebTorrent and HTTP. */
const LAST_LINE = /^(Peers per announce|Active connections|Bandwidth in)/
/** Creating two million peers takes seconds; a tracker that never answers must not hang us. */
const SLACK_SECONDS = 60

/** Rates per second of one block, and when it ended (ms of performance.now). */
interface Block {
  readonly endMs: number
  requests: number
  responses: number
  announces: number
  errors: number
  peersPerAnnounce: number
}

/** Responses of a window, as counts. */
export interface Traffic {
  readonly seconds: number
  readonly requests: number
  /** Of every kind, errors included; for WebTorrent also the offers and answers of others. */
  readonly responses: number
  readonly announces: number
  readonly errors: number
  readonly peersPerAnnounce: number
}

/** What the generator pretends to be; these are its own defaults. */
const LOAD = { threads: 1, peers: 2_000_000 }

/** The generator's command, with a settings file that names the tracker. */
export function udpGeneratorCommand(
  executable: string,
  port: number,
  folder: string,
  { threads, peers } = LOAD,
): string[] {
  const settings = join(folder, `load-${port}.toml`)
  const text = `server_address = "127.0.0.1:${port}"
workers = ${threads}
[requests]
number_of_peers = ${peers}
`
  writeFileSync(settings, text)
  return [executable, '-c', settings]
}

export class Generator {
  readonly child: Child
  private readonly blocks: Block[] = []
  private readonly onBlock: (index: number) => void
  private line = ''
  private readonly waiting: { blocks: number; wake: () => void }[] = []

  /** `onBlock` runs as each block's first line arrives, before anything is parsed. */
  constructor(
    command: string[],
    cores: string | number,
    onBlock: (index: number) => void = () => {},
  ) {
    this.onBlock = onBlock
    this.child = startChild('generator', command, {
      core: cores,
      onOutput: (text) => this.read(text),
    })
  }

  /** Resolves as block number `index` (from 0) ends; rejects when that does not happen in time. */
  blockEnded(index: number): Promise<void> {
    if (this.blocks.length > index) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const limitSeconds = (index + 1) * BLOCK_SECONDS + SLACK_SECONDS
    const late = () => reject(new Error(`no report from the generator in ${limitSeconds} s`))
    const timer = setTimeout(late, limitSeconds * 1000)
    this.waiting.push({ blocks: index + 1, wake: resolve })
    void this.child.ended.then(() => reject(new Error(`generator ended: ${this.child.errors()}`)))
    return promise.finally(() => clearTimeout(timer))
  }

  /** Traffic from the end of block `from` to the end of block `to`. Both must have ended. */
  traffic(from: number, to: number): Traffic {
    const sums = { requests: 0, responses: 0, announces: 0, errors: 0, peers: 0 }
    for (let i = from + 1; i <= to; i++) {
      const block = this.blocks[i]
      const seconds = (block.endMs - this.blocks[i - 1].endMs) / 1000
      sums.requests += block.requests * seconds
      sums.responses += block.responses * seconds
      sums.announces += block.announces * seconds
      sums.errors += block.errors * seconds
      sums.peers += block.peersPerAnnounce * block.announces * seconds
    }
    const { peers, ...counts } = sums
    return {
      ...counts,
      seconds: (this.blocks[to].endMs - this.blocks[from].endMs) / 1000,
      peersPerAnnounce: peers / Math.max(sums.announces, 1),
    }
  }

  private read(text: string): void {
    if (text.includes(FIRST_LINE)) {
      this.onBlock(this.blocks.length)
      this.blocks.push(newBlock())
    }
    const lines = (this.line + text).split('\n')
    this.line = lines.pop() ?? ''
    const block = this.blocks.at(-1)
    if (block === undefined) return
    for (const line of lines) readLine(block, line)
    this.wakeWaiting(lines)
  }

  // A block counts as ended when its last rate has been read.
  private wakeWaiting(lines: string[]): void {
    if (!lines.some((line) => LAST_LINE.test(line))) return
    for (const waiter of this.waiting) if (waiter.blocks <= this.blocks.length) waiter.wake()
  }
}

function newBlock(): Block {
  return {
    endMs: performance.now(),
    requests: 0,
    responses: 0,
    announces: 0,
    errors: 0,
    peersPerAnnounce: 0,
  }
}

function readLine(block: Block, line: string): void {
  const number = Number.parseFloat(line.slice(line.indexOf(':') + 1))
  if (line.startsWith(FIRST_LINE)) block.requests = number
  else if (line.startsWith('Responses in:')) block.responses = number
  else if (line.includes('Announce responses:')) block.announces = number
  else if (/(Error|Failure) responses/.test(line)) block.errors = number
  // Without announce responses the generator divides by zero and prints NaN.
  else if (line.startsWith('Peers per announce')) block.peersPerAnnounce = number || 0
}
