// What a tracker remembers of the past days: means of a few figures for a week, and for 90 days how long it did not
// serve. Kept by keeper.ts, shown by the operator's page and the public one. Owns memory of fixed size. Sees no clock:
// moments are seconds of Unix time, which are told to it.

/** A quarter of an hour: 96 make a day. */
export const SLOT_SECONDS = 900
export const SLOTS_PER_DAY = 96
export const SLOTS = 7 * SLOTS_PER_DAY
export const DAYS = 90
export const DAY_SECONDS = 86_400

/** By name, so that a file tells what its figures are. Rates are per second; memory is in bytes. */
export const COLUMNS = ['requests', 'lost', 'torrents', 'peers', 'memory'] as const
export type Column = (typeof COLUMNS)[number]
export type Figures = Readonly<Record<Column, number>>

/** Clocks are adjusted by less than this (seconds) without having been set, or the machine without having slept. */
const JUMP_SECONDS = 60

export interface Told {
  /** Now, in seconds of Unix time. */
  readonly at: number
  /** How much time has passed since the last time, by a clock that nobody sets. */
  readonly elapsed: number
  readonly isServing: boolean
  readonly figures: Figures
}

/** A UTC day, in days since 1970; `share`: how much of it the tracker served, null if nothing is known of it. */
export interface Day {
  readonly day: number
  readonly share: number | null
}

interface Slot {
  /** In slots since 1970. */
  readonly number: number
  /** How many values the means are of. */
  samples: number
  readonly means: number[]
}

/** A history as it is written to a file. */
export interface HistoryData {
  readonly since: number | null
  readonly last: number
  readonly down: readonly (readonly [day: number, seconds: number])[]
  readonly slots: readonly (readonly number[])[]
}

export class History {
  /** The first moment that anything is known of; null before there is one. */
  private since: number | null = null
  /** The last one. */
  private last = 0
  /** It began in this process: all that is known of the clock is from here. */
  private isNew = true
  /** For how many seconds on end the clock has said that the beginning is yet to come. */
  private ahead = 0
  /** Seconds of each day in which the tracker did not serve. */
  private readonly down = new Map<number, number>()
  /** By number, the oldest first. */
  private readonly slots = new Map<number, Slot>()

  static from({ since, last, down, slots }: HistoryData): History {
    const history = new History()
    history.since = since
    history.last = last
    history.isNew = since === null
    for (const [day, seconds] of down) history.down.set(day, seconds)
    for (const [number, samples, ...means] of slots) {
      history.slots.set(number, { number, samples, means })
    }
    return history
  }

  data(): HistoryData {
    const { since, last } = this
    const slots = [...this.slots.values()].map(({ number, samples, means }) => {
      return [number, samples, ...means.map((mean) => Number(mean.toPrecision(6)))]
    })
    return { since, last, down: [...this.down], slots }
  }

  /** The tracker serves since this moment: before, since the last one told, it did not. */
  begin(servingSince: number): void {
    if (this.since === null) this.since = servingSince
    else this.addDown(this.last, servingSince)
    this.last = Math.max(this.last, servingSince)
    this.forgetOld(servingSince)
  }

  tell({ at, elapsed, isServing, figures }: Told): void {
    const expected = this.last + elapsed
    const jump = at - expected
    // A machine that slept did not serve. More than a day, or back, means that the clock was set.
    if (jump > JUMP_SECONDS && jump <= DAY_SECONDS) this.addDown(expected, at)
    else if (Math.abs(jump) > JUMP_SECONDS) this.clockWasSet(jump)
    this.checkBeginning(at, elapsed)
    if (!isServing) this.addDown(at - elapsed, at)
    this.last = at
    if (isServing) this.addFigures(at, figures)
    this.forgetOld(at)
  }

  /** The last `count` slots of a column, the oldest first; NaN where nothing was told. */
  valuesOf(column: Column, at: number, count: number): number[] {
    const index = COLUMNS.indexOf(column)
    const newest = Math.floor(at / SLOT_SECONDS)
    return Array.from({ length: count }, (_, i) => {
      return this.slots.get(newest - count + 1 + i)?.means[index] ?? Number.NaN
    })
  }

  /** The last 90 days, today last. */
  days(at: number): Day[] {
    const today = Math.floor(at / DAY_SECONDS)
    return Array.from({ length: DAYS }, (_, i) => {
      const day = today - DAYS + 1 + i
      const known = this.knownSeconds(day, at)
      const share = known === 0 ? null : 1 - (this.down.get(day) ?? 0) / known
      return { day, share: share === null ? null : Math.max(0, share) }
    })
  }

  /** Of all that is known of these days; null if nothing is. */
  availability(at: number): number | null {
    const days = this.days(at).map(({ day }) => day)
    const known = days.reduce((sum, day) => sum + this.knownSeconds(day, at), 0)
    const down = days.reduce((sum, day) => sum + (this.down.get(day) ?? 0), 0)
    return known === 0 ? null : Math.max(0, 1 - down / known)
  }

  private knownSeconds(day: number, at: number): number {
    if (this.since === null) return 0
    const from = Math.max(this.since, day * DAY_SECONDS)
    return Math.max(0, Math.min(at, (day + 1) * DAY_SECONDS) - from)
  }

  private clockWasSet(jump: number): void {
    if (this.since === null) return
    // What a file says was told by another clock, which may have been right.
    if (this.isNew) this.since += jump
  }

  /** A clock that was ahead when the file began would make all else unknown until then; one that is behind is soon set. */
  private checkBeginning(at: number, elapsed: number): void {
    this.ahead = this.since !== null && at < this.since ? this.ahead + elapsed : 0
    if (this.ahead >= DAY_SECONDS) this.since = at - this.ahead
  }

  private addDown(from: number, to: number): void {
    const first = Math.max(from, to - DAYS * DAY_SECONDS, this.since ?? to)
    for (let at = first; at < to; ) {
      const day = Math.floor(at / DAY_SECONDS)
      const end = Math.min(to, (day + 1) * DAY_SECONDS)
      this.down.set(day, Math.min(DAY_SECONDS, (this.down.get(day) ?? 0) + end - at))
      at = end
    }
  }

  private addFigures(at: number, figures: Figures): void {
    const number = Math.floor(at / SLOT_SECONDS)
    const slot = this.slots.get(number) ?? { number, samples: 0, means: COLUMNS.map(() => 0) }
    this.slots.set(number, slot)
    slot.samples++
    for (const [i, column] of COLUMNS.entries()) {
      slot.means[i] += (figures[column] - slot.means[i]) / slot.samples
    }
  }

  private forgetOld(at: number): void {
    forget(this.slots, Math.floor(at / SLOT_SECONDS) - SLOTS, SLOTS)
    forget(this.down, Math.floor(at / DAY_SECONDS) - DAYS, DAYS)
  }
}

/**
 * Keys up to `old`. What lies ahead was told before the clock was set back, perhaps for a moment: it stays while there is
 * room, and then the farthest goes, not what is told now.
 */
function forget(map: Map<number, unknown>, old: number, most: number): void {
  for (const key of map.keys()) if (key <= old) map.delete(key)
  while (map.size > most) map.delete(Math.max(...map.keys()))
}
