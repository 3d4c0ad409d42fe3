// The offers on their way, in shared memory: sent, delivered, answered. The offerer's worker and the
// receiver's may be different threads. Used by clients.ts. Made by main.ts.
//
// Each connection has a ring of places; offer number n of a connection is at n modulo the ring's size,
// until a later one takes the place: an offer or answer that comes after that cannot be checked any
// more, and counts as late.
//
//   state   number of the offer << 2 │ 1 sent, 2 delivered, 3 answered
//   peer    the connection that got it
//   time    when it was sent, in milliseconds; then when its answer was

const SENT = 1
const DELIVERED = 2
/** Numbers of offers wrap here, so that a state fits a word. */
const NUMBERS = 2 ** 29

// Words of OfferBuffers.answers.
const ANSWERS_UNDER_WAY = 0
const ANSWERING_WORKERS = 1

export const IS_FIRST = 0
export const IS_REPEATED = 1
export const IS_LATE = 2
export const IS_UNSENT = 3

export interface OfferBuffers {
  readonly connections: number
  /** A power of two. */
  readonly ring: number
  readonly words: SharedArrayBuffer
  readonly times: SharedArrayBuffer
  /** So that nobody closes before all answers have arrived: those under way │ workers that send more. */
  readonly answers: SharedArrayBuffer
}

export function createOffers(connections: number, ring: number, workers: number): OfferBuffers {
  const places = connections * ring
  const answers = new SharedArrayBuffer(2 * 4)
  new Int32Array(answers)[ANSWERING_WORKERS] = workers
  return {
    connections,
    ring,
    words: new SharedArrayBuffer(places * 2 * 4),
    times: new SharedArrayBuffer(places * 8),
    answers,
  }
}

export class Offers {
  isAnswering = true
  private readonly ring: number
  private readonly words: Int32Array
  private readonly times: Float64Array
  private readonly answers: Int32Array

  constructor({ ring, words, times, answers }: OfferBuffers) {
    this.ring = ring
    this.words = new Int32Array(words)
    this.times = new Float64Array(times)
    this.answers = new Int32Array(answers)
  }

  /** The number after `number`. */
  next(number: number): number {
    return (number + 1) % NUMBERS
  }

  send(connection: number, number: number, timeMs: number): void {
    const place = this.place(connection, number)
    this.times[place] = timeMs
    Atomics.store(this.words, place * 2, (number << 2) | SENT)
  }

  /** Notes that `receiver` got it: whether for the first time, again, or too late to tell. */
  deliver(connection: number, number: number, receiver: number): number {
    return this.step(connection, number, SENT, receiver)
  }

  /** Before the answer to a delivered offer is sent; its latency counts from `timeMs`. */
  sendAnswer(connection: number, number: number, timeMs: number): void {
    this.times[this.place(connection, number)] = timeMs
    Atomics.add(this.answers, ANSWERS_UNDER_WAY, 1)
  }

  /** This worker sends no answers any more. Call it once. */
  stopAnswering(): void {
    this.isAnswering = false
    Atomics.sub(this.answers, ANSWERING_WORKERS, 1)
  }

  /** Whether answers are under way, or may still be sent by some worker. */
  get answersToCome(): boolean {
    const { answers } = this
    return (
      Atomics.load(answers, ANSWERING_WORKERS) > 0 || Atomics.load(answers, ANSWERS_UNDER_WAY) > 0
    )
  }

  /** Notes that its answer came back; IS_UNSENT when it had not even been delivered. */
  answer(connection: number, number: number): number {
    Atomics.sub(this.answers, ANSWERS_UNDER_WAY, 1)
    return this.step(connection, number, DELIVERED, this.receiver(connection, number))
  }

  receiver(connection: number, number: number): number {
    return Atomics.load(this.words, this.place(connection, number) * 2 + 1)
  }

  timeMs(connection: number, number: number): number {
    return this.times[this.place(connection, number)]
  }

  private step(connection: number, number: number, from: number, receiver: number): number {
    const at = this.place(connection, number) * 2
    const expected = (number << 2) | from
    const found = Atomics.compareExchange(this.words, at, expected, expected + 1)
    if (found === expected) {
      Atomics.store(this.words, at + 1, receiver)
      return IS_FIRST
    }
    if (found >>> 2 !== number) return IS_LATE
    return (found & 3) > from ? IS_REPEATED : IS_UNSENT
  }

  private place(connection: number, number: number): number {
    return connection * this.ring + (number & (this.ring - 1))
  }
}
