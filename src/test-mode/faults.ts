// The faults that a test asks for, one set per protocol, and the chance that decides about each packet. Used by the relays
// of this folder. Randomness is seeded, so that a failing test fails again.

export const FAULTY = ['udp', 'http', 'ws'] as const
export type Faulty = (typeof FAULTY)[number]

export interface Faults {
  /** The share of packets, requests or messages that are lost: 0 to 1. */
  readonly loss: number
  /** How much later answers come. */
  readonly delayMs: number
  /** The reason of an error that answers every announce and scrape; null for none. */
  readonly error: string | null
  /** Nobody listens. */
  readonly dead: boolean
}

export type FaultPlan = Readonly<Record<Faulty, Faults>>

const NO_FAULTS: Faults = { loss: 0, delayMs: 0, error: null, dead: false }
export const NO_PLAN: FaultPlan = { udp: NO_FAULTS, http: NO_FAULTS, ws: NO_FAULTS }

const DELAY_MS_MAX = 60_000
/** A UDP client may have room for no more. */
const REASON_BYTES_MAX = 1000
const SEED = 1

/** What is wrong with a command; its text is the answer. */
export class CommandFault extends Error {
  override name = 'CommandFault'
}

/** The faults in force, for one protocol. Read at every packet, since they may change at any time. */
export class FaultSource {
  faults: Faults = NO_FAULTS
  private state = SEED

  set(faults: Faults, seed: number): void {
    this.faults = faults
    this.state = seed
  }

  /** Whether the next packet is lost. */
  loses(): boolean {
    const { loss } = this.faults
    return loss > 0 && this.random() < loss
  }

  /** Mulberry32: below 1. */
  private random(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Reads `{ seed, udp: { loss, delayMs, error, dead }, http, ws }`; what is not named has no fault. */
export function readFaults(given: unknown): { plan: FaultPlan; seed: number } {
  const { seed = SEED, ...rest } = objectOf(given, 'faults', ['seed', ...FAULTY])
  if (!Number.isSafeInteger(seed)) throw new CommandFault('faults.seed is not a whole number')
  const plan = Object.fromEntries(FAULTY.map((name) => [name, faultsOf(name, rest[name])]))
  return { plan: plan as Record<Faulty, Faults>, seed: seed as number }
}

function faultsOf(name: string, given: unknown): Faults {
  if (given === undefined || given === null) return NO_FAULTS
  const fields = objectOf(given, `faults.${name}`, Object.keys(NO_FAULTS))
  const { loss, delayMs, error, dead } = { ...NO_FAULTS, ...fields } as Record<string, unknown>
  const check = (isRight: boolean, key: string, want: string) => {
    if (!isRight) throw new CommandFault(`faults.${name}.${key} must be ${want}`)
  }
  check(isWithin(loss, 1), 'loss', 'a share from 0 to 1')
  check(isWithin(delayMs, DELAY_MS_MAX), 'delayMs', `0 to ${DELAY_MS_MAX} milliseconds`)
  const isReason = typeof error === 'string' && Buffer.byteLength(error) <= REASON_BYTES_MAX
  check(error === null || isReason, 'error', `a text of at most ${REASON_BYTES_MAX} bytes`)
  check(typeof dead === 'boolean', 'dead', 'true or false')
  return { loss, delayMs, error, dead } as Faults
}

function isWithin(value: unknown, max: number): boolean {
  return typeof value === 'number' && value >= 0 && value <= max
}

/** Refuses unknown keys: a typo must not pass for a fault that never comes. */
export function objectOf(
  given: unknown,
  title: string,
  known: readonly string[],
): Record<string, unknown> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new CommandFault(`${title} is not an object`)
  }
  const strange = Object.keys(given).find((key) => !known.includes(key))
  if (strange !== undefined) {
    throw new CommandFault(`${title} has no «${strange}», only ${known.join(', ')}`)
  }
  return given as Record<string, unknown>
}
