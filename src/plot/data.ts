// What a page gives to the script that draws its charts: written by plot.ts, read by plot.browser.js.
// Types only.

/** One chart, as JSON in the page. A null leaves a gap. */
export interface PlotData {
  /** No other chart of the page has it. */
  readonly title: string
  /** `clock` and `days`: lines over seconds since 1970, of hours or of days; `run`: over seconds since the start; `spread`: a histogram. */
  readonly kind: 'clock' | 'days' | 'run' | 'spread'
  /** Stands behind the values, such as B/s. */
  readonly unit: string
  /** Of a histogram: what stands behind what was measured. */
  readonly measured?: string
  /** Where they are along the chart; of a histogram, where each bar begins and the last one ends. */
  readonly at: readonly number[]
  /** Where they are evenly apart: by how much. `at` then has the first one alone. */
  readonly step?: number
  readonly lines: readonly (readonly (number | null)[])[]
  /** Upright lines with a name. */
  readonly marks?: readonly (readonly [name: string, at: number])[]
}
