// How micro benchmarks show what rounds took. Pure functions.

export interface Times {
  readonly lowest: number
  readonly mean: number
  readonly deviation: number
}

export function times(values: readonly number[]): Times {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return { lowest: Math.min(...values), mean, deviation: Math.sqrt(variance) }
}

/** «NAME  min 1 ns, mean 2 ± 1 ns» of rounds. */
export function timesLine(
  name: string,
  width: number,
  values: readonly number[],
  unit = 'ns',
  digits = 0,
): string {
  const { lowest, mean, deviation } = times(values)
  const [least, middle, spread] = [lowest, mean, deviation].map((value) => value.toFixed(digits))
  return `${name.padEnd(width)} min ${least} ${unit}, mean ${middle} ± ${spread} ${unit}`
}
