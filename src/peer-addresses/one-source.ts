// The trouble of a tracker whose clients all come from one private address. Reads what the workers have noted
// (source-watch.ts), over the last half an hour. Used by the protocols' troubles.ts; runs in the main thread.
import { WrappingTotal } from '../metrics/counters.ts'
import { Growth, shareText } from '../process/losses.ts'
import type { Severity, Trouble, TroubleSource } from '../process/troubles.ts'
import { addressOfBytes } from '../tcp/client-address.ts'
import {
  ADDRESS,
  HITS,
  IS_IPV4,
  MARK_WORDS,
  MARKS,
  OTHERS,
  ROW_WORDS,
  rowsInUse,
  SEQUENCE,
} from './source-watch.ts'

/** Sources are asked once a second. Clients announce every half an hour or more often. */
const CHECKS = 1800
/** Fewer are a first try. */
const ANNOUNCES_MIN = 100
/** «Most». A public tracker has next to no private clients, and a translated one has no others. */
const SHARE_MIN = 0.5
/** In a network without a tracker's clients elsewhere, more than one in twenty announces is another machine's. */
const OTHERS_MAX = 0.05
/** Of 64 bits: these are about 18 clients, more than one machine has. */
const MARKS_MIN = 16
/** A row that changes just then is read again, or in the next second. */
const READS_MAX = 3

const NO_PROXY =
  'Run a container with --network host, or set "userland-proxy": false and "ip6tables": true for Docker'
const DOCS = '(docs/operations.md, «Containers»).'
const UNREACHABLE = 'their peers cannot be reached'

interface Kind {
  readonly severity: Severity
  readonly harm: string
  readonly remedy: string
  /** Nothing on this machine passes its packets on: what comes from there is a test. */
  readonly ignoresLoopback: boolean
}

const PROXY_OR_CONTAINER = `Name a proxy in [network] trusted_proxies. ${NO_PROXY} ${DOCS}`

const KINDS = {
  udp: { severity: 'bad', harm: UNREACHABLE, remedy: `${NO_PROXY} ${DOCS}`, ignoresLoopback: true },
  http: {
    severity: 'bad',
    harm: UNREACHABLE,
    remedy: PROXY_OR_CONTAINER,
    ignoresLoopback: false,
  },
  // It gives no addresses to others.
  ws: {
    severity: 'attention',
    harm: 'limits per address count them as one',
    remedy: PROXY_OR_CONTAINER,
    ignoresLoopback: false,
  },
} as const satisfies Record<string, Kind>

/** What a worker has of its candidate, over the last half an hour. */
interface Candidate {
  readonly address: string
  readonly hits: number
  readonly others: number
  readonly marks: readonly number[]
}

/** `shared`: see createSourceRows; `announced`: all announces since the start. */
export function oneSourceTrouble(
  shared: SharedArrayBuffer,
  announced: () => number,
  protocol: keyof typeof KINDS,
): TroubleSource {
  const { severity, harm, remedy, ignoresLoopback } = KINDS[protocol]
  const words = new Int32Array(shared)
  const rows: Row[] = []
  const all = new Growth(CHECKS)
  const find = (): Trouble | null => {
    while (rows.length < rowsInUse(words)) rows.push(new Row(words, 1 + rows.length))
    const announces = all.since(announced())
    const source = strongest(rows.map((row) => row.read()))
    if (source === null || (ignoresLoopback && isLoopback(source.address))) return null
    if (source.hits < ANNOUNCES_MIN || bits(source.marks) < MARKS_MIN) return null
    if (source.others > source.hits * OTHERS_MAX) return null
    // The counters are a moment behind.
    const share = source.hits / Math.max(announces, source.hits)
    if (share < SHARE_MIN) return null
    return {
      severity,
      text:
        `In the last half an hour ${shareText(share)} of all announces came from ${source.address}, a private address: ` +
        `something in front of the tracker hides its clients, and ${harm}.`,
      remedy,
    }
  }
  return { name: 'one_source', find }
}

class Row {
  private readonly words: Int32Array
  private readonly base: number
  private sequence = -1
  private hits = new WrappingTotal()
  private others = new WrappingTotal()
  private hitsGrown = new Growth(CHECKS)
  private othersGrown = new Growth(CHECKS)

  constructor(words: Int32Array, index: number) {
    this.words = words
    this.base = index * ROW_WORDS
  }

  /** Null while there is none, or it changes all the time. */
  read(): Candidate | null {
    const row = this.copy()
    if (row === null || row[SEQUENCE] === 0) return null
    if (row[SEQUENCE] !== this.sequence) this.begin(row[SEQUENCE])
    return {
      address: addressOfRow(row),
      hits: this.hitsGrown.since(this.hits.take(row[HITS])),
      others: this.othersGrown.since(this.others.take(row[OTHERS])),
      marks: [...row.subarray(MARKS, MARKS + MARK_WORDS)],
    }
  }

  private begin(sequence: number): void {
    this.sequence = sequence
    this.hits = new WrappingTotal()
    this.others = new WrappingTotal()
    this.hitsGrown = new Growth(CHECKS)
    this.othersGrown = new Growth(CHECKS)
  }

  /** A whole one: the sequence is even, and the same before and after. */
  private copy(): Int32Array | null {
    for (let i = 0; i < READS_MAX; i++) {
      const before = Atomics.load(this.words, this.base + SEQUENCE)
      const row = Int32Array.from({ length: ROW_WORDS }, (_, at) =>
        Atomics.load(this.words, this.base + at),
      )
      const after = Atomics.load(this.words, this.base + SEQUENCE)
      if (before === after && (before & 1) === 0) return row
    }
    return null
  }
}

/** The address with most announces, of all workers together. */
function strongest(candidates: readonly (Candidate | null)[]): Candidate | null {
  const byAddress = new Map<string, Candidate>()
  for (const one of candidates) {
    if (one === null) continue
    const before = byAddress.get(one.address)
    byAddress.set(one.address, before === undefined ? one : together(before, one))
  }
  // What a worker has of another candidate is of another address here.
  const sum = [...byAddress.values()].reduce((all, { hits, others }) => all + hits + others, 0)
  const [first] = [...byAddress.values()].sort((a, b) => b.hits - a.hits)
  return first === undefined ? null : { ...first, others: sum - first.hits }
}

function together(one: Candidate, other: Candidate): Candidate {
  return {
    address: one.address,
    hits: one.hits + other.hits,
    others: one.others + other.others,
    marks: one.marks.map((word, i) => word | other.marks[i]),
  }
}

function bits(marks: readonly number[]): number {
  const [now0, now1, before0, before1] = marks
  const ones = (word: number) => (word >>> 0).toString(2).replaceAll('0', '').length
  return ones(now0 | before0) + ones(now1 | before1)
}

function addressOfRow(row: Int32Array): string {
  const bytes = new Uint8Array(row.buffer, ADDRESS * 4, row[IS_IPV4] === 1 ? 4 : 16)
  return addressOfBytes(bytes)
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
