// Reads a value out of metric families. Used by the tests of pressure.
import type { MetricFamily } from '../../src/metrics/families.ts'

/** `label`: the value of the only label; '' where there is none. */
export function valueOfFamily(families: readonly MetricFamily[], name: string, label = ''): number {
  const family = families.find((each) => each.name === name)
  if (family === undefined || family.kind === 'histogram') throw new Error(`no ${name}`)
  const sample = family.samples.find(({ labels }) => (Object.values(labels)[0] ?? '') === label)
  if (sample === undefined) throw new Error(`no ${label} in ${name}`)
  return sample.value
}
