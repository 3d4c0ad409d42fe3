// A checker for small concurrent programs: goes through every interleaving of a few threads on a few
// words of shared memory, with every reordering that the memory model of JavaScript allows. Used by
// the model tests of channel/ and memory/. Knows nothing of them: programs are lists of steps.
//
// What may happen out of order: a plain load or store may take place late, after later steps of its
// thread. Bounds are what `Atomics` guarantees: an atomic store takes place after all that comes before
// it in its thread, what follows an atomic load takes place after that, atomics keep their order among
// each other, and accesses of one thread to one word keep theirs. (An access that takes place early
// is the same as one that others are late for, so lateness alone covers everything.)
//
// A state in which nobody can go on, although somebody has not ended, is a deadlock: a lost wake-up
// shows as one, because waits have no time limit here.

type Read = (register: string) => number
export type Value = number | ((read: Read) => number)

export type Step =
  | { op: 'load'; to: string; cell: Value; atomic: boolean }
  | { op: 'store'; cell: Value; value: Value; atomic: boolean }
  | { op: 'exchange'; to: string; cell: Value; value: Value }
  | { op: 'compareExchange'; to: string; cell: Value; expected: Value; value: Value }
  | { op: 'wait'; cell: Value; value: Value }
  | { op: 'notify'; cell: Value }
  /** Like poll: goes on once the cell is not 0. */
  | { op: 'await'; cell: Value }
  | { op: 'set'; to: string; value: Value }
  | { op: 'jump'; to: string; when?: (read: Read) => boolean }
  | { op: 'label'; name: string }
  | { op: 'check'; claim: string; holds: (read: Read) => boolean }

export const load = (to: string, cell: Value): Step => ({ op: 'load', to, cell, atomic: false })
export const store = (cell: Value, value: Value): Step => ({
  op: 'store',
  cell,
  value,
  atomic: false,
})
export const atomicLoad = (to: string, cell: Value): Step => ({
  op: 'load',
  to,
  cell,
  atomic: true,
})
export const atomicStore = (cell: Value, value: Value): Step => ({
  op: 'store',
  cell,
  value,
  atomic: true,
})
export const set = (to: string, value: Value): Step => ({ op: 'set', to, value })
export const label = (name: string): Step => ({ op: 'label', name })
export const jump = (to: string, when?: (read: Read) => boolean): Step =>
  when === undefined ? { op: 'jump', to } : { op: 'jump', to, when }

export interface Outcome {
  /** What went wrong first, or '' when nothing can. */
  readonly fault: string
  readonly states: number
}

/** An access that has been issued and has not taken place. */
interface Pending {
  readonly kind: 'load' | 'store'
  readonly cell: number
  readonly value: number
  readonly to: string
  readonly atomic: boolean
}

interface Thread {
  readonly at: number
  readonly registers: Readonly<Record<string, number>>
  readonly pending: readonly Pending[]
  /** The cell it sleeps on, or −1. */
  readonly asleep: number
}

interface State {
  readonly memory: readonly number[]
  readonly threads: readonly Thread[]
}

class NotLoaded extends Error {}
class Violation extends Error {}

/** More than any of the models needs: one that has more does not end in a test's time. */
const STATES_MAX = 3_000_000

/** Runs all interleavings of `programs` from `memory`; `end` is asked of the memory when all have ended. */
export function explore(
  programs: readonly (readonly Step[])[],
  memory: readonly number[],
  end: (memory: readonly number[]) => boolean,
): Outcome {
  const explorer = new Explorer(programs)
  const start = { at: 0, registers: {}, pending: [], asleep: -1 }
  const stack: State[] = [{ memory, threads: programs.map(() => start) }]
  const seen = new Set<string>()
  try {
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      const key = JSON.stringify(state)
      if (seen.has(key)) continue
      seen.add(key)
      if (seen.size > STATES_MAX) throw new Error('the model is too large')
      const next = explorer.successors(state)
      if (next.length === 0) checkEnd(programs, state, end)
      stack.push(...next)
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    return { fault: error.message, states: seen.size }
  }
  return { fault: '', states: seen.size }
}

function checkEnd(
  programs: readonly (readonly Step[])[],
  { threads, memory }: State,
  end: (memory: readonly number[]) => boolean,
): void {
  const stuck = threads.findIndex(({ at }, i) => at < programs[i].length)
  if (stuck >= 0) throw new Violation(`deadlock: thread ${stuck} waits for ever`)
  if (!end(memory)) throw new Violation('wrong memory at the end')
}

class Explorer {
  private readonly programs: readonly (readonly Step[])[]
  private readonly labels: readonly ReadonlyMap<string, number>[]

  constructor(programs: readonly (readonly Step[])[]) {
    this.programs = programs
    this.labels = programs.map(
      (steps) => new Map(steps.flatMap((step, i) => (step.op === 'label' ? [[step.name, i]] : []))),
    )
  }

  successors(state: State): State[] {
    const next: State[] = []
    state.threads.forEach((thread, i) => {
      thread.pending.forEach((_, p) => {
        const after = this.takePlace(state, i, p)
        if (after !== null) next.push(after)
      })
      if (thread.asleep >= 0 || thread.at >= this.programs[i].length) return
      next.push(...this.step(state, i))
    })
    return next
  }

  /** An access that was late takes place, if it may before those that were issued before it. */
  private takePlace({ memory, threads }: State, i: number, p: number): State | null {
    const { pending, registers } = threads[i]
    const access = pending[p]
    const before = pending.slice(0, p)
    if (before.some(({ cell }) => cell === access.cell)) return null
    if (access.atomic && p > 0) return null
    const rest = pending.filter((_, q) => q !== p)
    if (access.kind === 'store') {
      const after = memory.with(access.cell, access.value)
      return { memory: after, threads: threads.with(i, { ...threads[i], pending: rest }) }
    }
    const loaded = { ...registers, [access.to]: memory[access.cell] }
    return {
      memory,
      threads: threads.with(i, this.local(i, { ...threads[i], pending: rest, registers: loaded })),
    }
  }

  private step(state: State, i: number): State[] {
    const { memory, threads } = state
    const thread = threads[i]
    try {
      const step = this.programs[i][thread.at]
      const read = readerOf(thread)
      const of = (value: Value) => (typeof value === 'number' ? value : value(read))
      const becomes = (change: Partial<Thread>, after = memory): State => ({
        memory: after,
        threads: threads.with(i, this.local(i, { ...thread, at: thread.at + 1, ...change })),
      })
      const issue = (access: Pending) => becomes({ pending: [...thread.pending, access] })
      switch (step.op) {
        case 'store':
          return [
            issue({ ...step, kind: 'store', to: '', cell: of(step.cell), value: of(step.value) }),
          ]
        case 'load': {
          const cell = of(step.cell)
          if (!step.atomic) return [issue({ ...step, kind: 'load', cell, value: 0 })]
          // Atomics keep their order: an earlier atomic store has to take place first.
          if (thread.pending.some((access) => access.atomic || access.cell === cell)) return []
          return [becomes({ registers: { ...thread.registers, [step.to]: memory[cell] } })]
        }
        case 'exchange':
        case 'compareExchange': {
          if (thread.pending.length > 0) return []
          const cell = of(step.cell)
          const found = memory[cell]
          const changes = step.op === 'exchange' || found === of(step.expected)
          const registers = { ...thread.registers, [step.to]: found }
          return [becomes({ registers }, changes ? memory.with(cell, of(step.value)) : memory)]
        }
        case 'wait': {
          if (thread.pending.length > 0) return []
          const cell = of(step.cell)
          return [becomes({ asleep: memory[cell] === of(step.value) ? cell : -1 })]
        }
        case 'notify':
          return thread.pending.length > 0 ? [] : wakeOne(becomes({}), of(step.cell))
        case 'await':
          return thread.pending.length > 0 || memory[of(step.cell)] === 0 ? [] : [becomes({})]
        default:
          // Local steps that wait for a load.
          return this.localNow(state, i)
      }
    } catch (error) {
      if (error instanceof NotLoaded) return []
      throw error
    }
  }

  private localNow(state: State, i: number): State[] {
    const after = this.local(i, state.threads[i])
    if (after.at === state.threads[i].at) return []
    return [{ ...state, threads: state.threads.with(i, after) }]
  }

  /** Steps that touch no memory are taken at once: nobody can tell when. */
  private local(i: number, thread: Thread): Thread {
    const steps = this.programs[i]
    let { at, registers } = thread
    try {
      for (; at < steps.length; at++) {
        const step = steps[at]
        const read = readerOf({ ...thread, registers })
        if (step.op === 'set') {
          const value = typeof step.value === 'number' ? step.value : step.value(read)
          registers = { ...registers, [step.to]: value }
        } else if (step.op === 'jump') {
          if (step.when?.(read) ?? true) at = this.target(i, step.to)
        } else if (step.op === 'check') {
          if (!step.holds(read)) throw new Violation(`thread ${i}: ${step.claim}`)
        } else if (step.op !== 'label') {
          break
        }
      }
    } catch (error) {
      if (!(error instanceof NotLoaded)) throw error
    }
    return { ...thread, at, registers }
  }

  private target(i: number, name: string): number {
    const at = this.labels[i].get(name)
    if (at === undefined) throw new Error(`no label ${name}`)
    return at
  }
}

/** One that sleeps on the cell wakes, whichever; none when nobody does. */
function wakeOne(state: State, cell: number): State[] {
  const sleepers = state.threads.flatMap(({ asleep }, i) => (asleep === cell ? [i] : []))
  if (sleepers.length === 0) return [state]
  return sleepers.map((i) => ({
    ...state,
    threads: state.threads.with(i, { ...state.threads[i], asleep: -1 }),
  }))
}

/** A register whose load has not taken place cannot be read yet. */
function readerOf({ registers, pending }: Thread): Read {
  return (name) => {
    if (pending.some(({ kind, to }) => kind === 'load' && to === name)) throw new NotLoaded()
    const value = registers[name]
    if (value === undefined) throw new Error(`nothing in register ${name}`)
    return value
  }
}
