// The counters of a protocol, written down once: their names, of which metric they are, its help and labels,
// and where the operator's page shows it. From this come their places in memory (counters.ts), the metric
// families, the page's tables and the chart of what is lost. Each protocol's counters.ts makes one; the
// numbers of its constants are checked against it by tests.
import { counterFamily, type LabelledValue, type MetricFamily } from './families.ts'

const FAMILIES = ['ipv4', 'ipv6'] as const
type Family = (typeof FAMILIES)[number]

/** A counter as it lies in memory: those of address families twice. */
type Stored<F extends string, O extends string> = `${F}_${Family}` | O

/** Where the operator's page shows a metric. */
export interface Shown {
  /** The title of a table by its label; `nonZero`: without what has not happened. */
  readonly table?: string
  readonly nonZero?: boolean
  /** What its line in the chart «Refused and lost» is called. */
  readonly lost?: string
}

/** The counters of one metric. */
export interface CounterSpec<Name extends string> extends Shown {
  /** Without prefix and `_total`; null when it is part of other figures only. */
  readonly metric: string | null
  readonly help: string
  /** What tells its counters apart; null when there is one. */
  readonly label: string | null
  readonly counters: readonly { readonly name: Name; readonly value: string }[]
}

export function counter<Name extends string>(
  name: Name,
  help: string,
  shown: Shown = {},
): CounterSpec<Name> {
  return { metric: name, help, label: null, counters: [{ name, value: '' }], ...shown }
}

/** Counted for other figures alone. */
export function untold<Name extends string>(name: Name): CounterSpec<Name> {
  return { ...counter(name, ''), metric: null }
}

/** Counters that differ in a label's value, which their names end with. */
export function labelled<Head extends string, const Value extends string>(
  head: Head,
  label: string,
  help: string,
  values: readonly Value[],
  shown: Shown & { readonly metric?: string } = {},
): CounterSpec<`${Head}_${Value}`> {
  const counters = values.map((value) => ({ name: `${head}_${value}` as const, value }))
  return { metric: head, help, label, counters, ...shown }
}

/** The same for names that do not end with the value: `names` by value. */
export function named<const Name extends string>(
  metric: string,
  label: string,
  help: string,
  names: Readonly<Record<string, Name>>,
  shown: Shown = {},
): CounterSpec<Name> {
  const counters = Object.entries(names).map(([value, name]) => ({ name, value }))
  return { metric, help, label, counters, ...shown }
}

export class CounterList<F extends string, O extends string> {
  /** Counted by the client's address family, in this order in memory: IPv4, then the same of IPv6. */
  readonly ofFamilies: readonly F[]
  /** Those without a family come after them. */
  readonly others: readonly O[]
  /** All, in their order in memory. */
  readonly stored: readonly Stored<F, O>[]
  private readonly byFamily: readonly CounterSpec<F>[]
  private readonly plain: readonly CounterSpec<O>[]

  constructor(byFamily: readonly CounterSpec<F>[], plain: readonly CounterSpec<O>[]) {
    this.byFamily = byFamily
    this.plain = plain
    this.ofFamilies = namesOf(byFamily)
    this.others = namesOf(plain)
    const stored = FAMILIES.flatMap((family) =>
      this.ofFamilies.map((name): Stored<F, O> => `${name}_${family}`),
    )
    this.stored = [...stored, ...this.others]
  }

  /** Names of the counters of a metric. */
  ofMetric(metric: string): readonly (F | O)[] {
    const specs: readonly CounterSpec<F | O>[] = [...this.byFamily, ...this.plain]
    return namesOf(specs.filter((spec) => spec.metric === metric))
  }

  /** All metrics, with a prefix to their names. */
  families(prefix: string, counts: ReadonlyMap<string, number>): MetricFamily[] {
    return [
      ...toldOf(this.byFamily).map((spec) =>
        counterFamily(
          metricName(prefix, spec),
          spec.help,
          spec.counters.flatMap(({ name, value }) =>
            valuesByFamily(counts, name, labelsOf(spec, value)),
          ),
        ),
      ),
      ...joined(toldOf(this.plain)).map((spec) =>
        counterFamily(
          metricName(prefix, spec),
          spec.help,
          spec.counters.map(({ name, value }): LabelledValue => {
            return [labelsOf(spec, value), counts.get(name) ?? 0]
          }),
        ),
      ),
    ]
  }

  /** Metrics that the page shows in a table, or as lost. */
  shown(prefix: string): (Shown & { readonly metric: string; readonly label: string })[] {
    return joined(toldOf<CounterSpec<F | O>>([...this.byFamily, ...this.plain])).map((spec) => {
      const { table, nonZero, lost, label } = spec
      return {
        metric: metricName(prefix, spec),
        label: label ?? '',
        ...(table === undefined ? {} : { table, nonZero: nonZero === true }),
        ...(lost === undefined ? {} : { lost }),
      }
    })
  }
}

/** The sum of counters by name, over both address families where they are counted per family. */
export function totalOf(counts: ReadonlyMap<string, number>, ...names: readonly string[]): number {
  return names
    .flatMap((name) => [name, ...FAMILIES.map((family) => `${name}_${family}`)])
    .reduce((sum, name) => sum + (counts.get(name) ?? 0), 0)
}

/** A sample for each address family. */
export function valuesByFamily(
  counts: ReadonlyMap<string, number>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): LabelledValue[] {
  return FAMILIES.map((family) => {
    const ip_version = family.slice('ipv'.length)
    return [{ ...labels, ip_version }, counts.get(`${name}_${family}`) ?? 0]
  })
}

function namesOf<Name extends string>(specs: readonly CounterSpec<Name>[]): Name[] {
  return specs.flatMap(({ counters }) => counters.map(({ name }) => name))
}

function toldOf<Spec extends CounterSpec<string>>(specs: readonly Spec[]): Spec[] {
  return specs.filter(({ metric }) => metric !== null)
}

/** Several of one metric, whose counters are apart in memory, are one. */
function joined<Name extends string>(specs: readonly CounterSpec<Name>[]): CounterSpec<Name>[] {
  const byMetric = new Map<string | null, CounterSpec<Name>>()
  for (const spec of specs) {
    const before = byMetric.get(spec.metric)
    const together = before === undefined ? spec : join(before, spec)
    byMetric.set(spec.metric, together)
  }
  return [...byMetric.values()]
}

function join<Name extends string>(
  one: CounterSpec<Name>,
  other: CounterSpec<Name>,
): CounterSpec<Name> {
  const counters = [...one.counters, ...other.counters]
  return { ...one, help: `${one.help} ${other.help}`, counters }
}

function metricName(prefix: string, { metric }: CounterSpec<string>): string {
  return `${prefix}_${metric}_total`
}

function labelsOf({ label }: CounterSpec<string>, value: string): Record<string, string> {
  return label === null ? {} : { [label]: value }
}
