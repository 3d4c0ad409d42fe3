// When requests of an open loop are due, whatever happened to those before: number n at start + n ÷ rate,
// and from a moment on, if there is a step, so many times as often. Latency counts from then, so that a
// tracker that stands still pays for all that became due meanwhile. Used by the workers of each load tester.

export interface Step {
  /** Seconds after the start. */
  readonly afterSec: number
  /** Of the rate, from then on; 1 = no step. */
  readonly factor: number
}

export const NO_STEP: Step = { afterSec: 0, factor: 1 }

export class DueTimes {
  /** Between two of them. */
  periodMs: number
  private fromMs = 0
  private taken = 0
  private stepMs = Number.POSITIVE_INFINITY
  private readonly step: Step

  /** `rate`: per second, above 0. */
  constructor(rate: number, step: Step = NO_STEP) {
    this.periodMs = 1000 / rate
    this.step = step
  }

  start(nowMs: number): void {
    this.fromMs = nowMs
    if (this.step.factor !== 1) this.stepMs = nowMs + this.step.afterSec * 1000
  }

  // HOT: no allocation below this line.

  /** Of the next one that has not been taken. */
  get nextMs(): number {
    return this.fromMs + this.taken * this.periodMs
  }

  /** How many are due and have not been taken; those beyond the step are not counted before it is reached. */
  due(nowMs: number): number {
    const untilMs = nowMs < this.stepMs ? nowMs : this.stepMs
    const count = Math.floor((untilMs - this.fromMs) / this.periodMs) + 1 - this.taken
    return count > 0 ? count : 0
  }

  take(count: number): void {
    this.taken += count
    const nextMs = this.nextMs
    if (nextMs < this.stepMs) return
    this.fromMs = nextMs
    this.taken = 0
    this.periodMs /= this.step.factor
    this.stepMs = Number.POSITIVE_INFINITY
  }
}
