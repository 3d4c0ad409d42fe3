// A tracker's view whose figures a test sets. Used by the tests of operations/.
import type { MetricFamily } from '../../src/metrics/families.ts'
import { distributionOf, histogramShape } from '../../src/metrics/histogram.ts'
import type {
  BreakdownSpec,
  ChartSpec,
  ProtocolSummary,
  SwarmSummary,
  TextTable,
  TrackerView,
} from '../../src/operations/view.ts'
import type { FoundTrouble } from '../../src/process/troubles.ts'

const SHAPE = histogramShape(10, 20, 0)

export class FakeView implements TrackerView {
  readonly name = 'aquatic_test'
  readonly version = '1.2.3'
  requests = 0
  errors = 0
  torrents = 0
  /** Values between 1024 and 1280. */
  fast = 0
  ready = true
  trouble: FoundTrouble[] = []
  readonly charts: readonly ChartSpec[] = [
    {
      title: 'Requests',
      unit: 'per second',
      series: [
        { title: 'good', metric: 'test_total', labels: { type: 'good' }, show: 'rate' },
        { title: 'all', metric: 'test_total', show: 'rate' },
      ],
    },
    {
      title: 'Torrents',
      unit: 'count',
      series: [{ title: 'all', metric: 'test_torrents', show: 'value' }],
    },
    {
      title: 'Time',
      unit: 'seconds',
      series: [{ title: 'p50', metric: 'test_seconds', show: { quantile: 0.5 } }],
    },
  ]
  readonly breakdowns: readonly BreakdownSpec[] = [
    { title: 'By type', metric: 'test_total', label: 'type', nonZero: true },
  ]

  readonly protocols: readonly ProtocolSummary[] = [
    {
      title: 'Test',
      requests: [{ title: 'good', metric: 'test_total', labels: { type: 'good' }, show: 'rate' }],
      lost: [{ title: 'bad', metric: 'test_total', labels: { type: 'bad "\\\n' }, show: 'rate' }],
      responseTime: { title: 'p99', metric: 'test_seconds', show: { quantile: 0.99 } },
      connections: null,
    },
  ]
  readonly swarms: readonly SwarmSummary[] = [
    {
      title: 'IPv4',
      torrents: { title: 'IPv4', metric: 'test_torrents', show: 'value' },
      seeders: { title: 'seeders', metric: 'test_torrents', show: 'value', factor: 2 },
      leechers: { title: 'leechers', metric: 'test_torrents', show: 'value', factor: 3 },
    },
  ]

  settings(): string {
    return "name = '<b>&'\n"
  }

  tables(): readonly TextTable[] {
    const rows = [['<i>', 12_345]]
    return [{ title: 'Largest', head: ['info hash', 'peers'], rows }]
  }

  troubles(): readonly FoundTrouble[] {
    return this.trouble
  }

  isReady(): boolean {
    return this.ready
  }

  families(): readonly MetricFamily[] {
    const counts = Array.from({ length: SHAPE.buckets }, (_, i) => (i === 1 ? this.fast : 0))
    return [
      {
        kind: 'counter',
        name: 'test_total',
        help: 'Requests\nby "type" \\.',
        samples: [
          { labels: { type: 'good' }, value: this.requests },
          { labels: { type: 'bad "\\\n' }, value: this.errors },
        ],
      },
      {
        kind: 'gauge',
        name: 'test_torrents',
        help: 'Torrents.',
        samples: [{ labels: {}, value: this.torrents }],
      },
      {
        kind: 'histogram',
        name: 'test_seconds',
        help: 'Time.',
        scale: 1e-9,
        samples: [
          { labels: {}, distribution: distributionOf(SHAPE, [...counts, this.fast * 1100]) },
        ],
      },
    ]
  }
}
