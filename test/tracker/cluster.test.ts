// What a tracker shows of its cluster (src/tracker/cluster-figures.ts, cluster-troubles.ts).
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SharingView } from '../../src/cluster/sharing.ts'
import type { ClusterView, NodeView } from '../../src/cluster/view.ts'
import { clusterFigures } from '../../src/tracker/cluster-figures.ts'
import { clusterTroubles } from '../../src/tracker/cluster-troubles.ts'

const DOCUMENT = readFileSync(join(import.meta.dir, '../../docs/monitoring.md'), 'utf8')

const NODE: NodeView = {
  ...{ name: 'b', state: 'heard', lag: 2, silence: 300, missing: 0 },
  counts: { batches: 1, records: 3, known: 0, otherStart: 0, overLimit: 0, gaps: 0 },
}

function view(more: Partial<ClusterView> = {}): ClusterView {
  return {
    state: 'joined',
    isNameTaken: false,
    reason: '',
    refusals: [],
    isCatchingUp: false,
    applyTime: 0,
    nodes: [NODE],
    messages: { messages: 5, bytes: 900, badControls: 0, strangers: 0, tooManyNodes: 0 },
    sent: { batches: 4, records: 7, again: 0, unsent: 0, lost: 0 },
    asked: { requests: 0, walks: 1, parts: 0, failed: 0 },
    answered: { walks: 0, parts: 0, busy: 0, held: 0 },
    applied: {
      ...{ joined: 3, renewed: 0, changed: 0, left: 0, completed: 0 },
      ...{ stale: 0, expired: 0, unwanted: 0, noRoom: 0 },
    },
    untold: 0,
    tooLong: 0,
    results: { good: 5, other_version: 0 },
    webtorrent: null,
    ...more,
  }
}

const WEBTORRENT: SharingView = {
  ...{ state: 'joined', isNameTaken: false, reason: '', refusals: [], isCatchingUp: false },
  nodes: [{ name: 'b', state: 'heard', silence: 300, isWhole: true, records: 4, gaps: 0 }],
  ...{ peers: 5, records: { in: 4, out: 2 } },
  relayed: { offersIn: 1, offersOut: 2, answersIn: 3, answersOut: 4 },
  droppedRelays: { malformed: 1, overLimit: 0 },
  refused: { other_version: 0, otherStart: 1, overLimit: 0 },
  ...{ refusedPeers: { noRoom: 1 }, syncs: { asked: 1, answered: 0 } },
}

test('what is known of WebTorrent is shown and documented', () => {
  const figures = clusterFigures(() => view({ webtorrent: WEBTORRENT }))
  const names = figures
    .families()
    .map(({ name }) => name)
    .filter((name) => name.includes('webtorrent'))
  expect(names.length).toBeGreaterThan(5)
  expect(names.filter((name) => !DOCUMENT.includes(`\`${name}\``))).toEqual([])
  const [, table] = figures.tables()
  expect(table.title).toContain('5 peers')
  expect(table.rows).toEqual([['b', 'heard', '0.3', 'yes', 4]])
})

test('every metric is documented, and every chart shows one that there is', () => {
  const figures = clusterFigures(() => view())
  const names = figures.families().map(({ name }) => name)
  expect(names.length).toBeGreaterThan(10)
  expect(names.filter((name) => !DOCUMENT.includes(`\`${name}\``))).toEqual([])
  const charted = figures.charts.flatMap(({ series }) => series.map(({ metric }) => metric))
  expect(charted.filter((name) => !names.includes(name))).toEqual([])
})

test('peers that were not told of once more are counted', () => {
  const families = clusterFigures(() => view({ untold: 5 })).families()
  const family = families.find(({ name }) => name === 'tracker_cluster_untold_peers_total')
  expect(JSON.stringify(family)).toContain('5')
})

test('the page has a table of nodes', () => {
  const [table] = clusterFigures(() => view()).tables()
  expect(table.title).toContain('joined')
  expect(table.rows).toEqual([['b', 'heard', '0.0', '0.3', 0, 3]])
})

test('the page tells that this node catches up, or is refused something', () => {
  const titleOf = (more: Partial<ClusterView>) => clusterFigures(() => view(more)).tables()[0].title
  expect(titleOf({ isCatchingUp: true })).toContain('joined, catching up')
  expect(titleOf({ refusals: ['x'] })).toContain('joined, refused by the server')
})

describe('troubles', () => {
  const textsOf = (views: readonly ClusterView[]) => {
    const queue = [...views]
    const sources = clusterTroubles(() => queue[0])
    let found: (string | undefined)[] = []
    while (queue.length > 0) {
      found = sources.map(({ find }) => find()?.text)
      queue.shift()
    }
    return found.filter((text) => text !== undefined)
  }

  test.each([
    ['none when all is well', [view()], []],
    [
      'a name in use, once that has lasted',
      Array.from({ length: 10 }, (_, look) =>
        view({ state: look === 5 ? 'listening' : 'taken', isNameTaken: true }),
      ),
      ['Another node has the name'],
    ],
    [
      'a process that takes over is none',
      Array.from({ length: 9 }, () => view({ state: 'taken', isNameTaken: true })),
      [],
    ],
    [
      'a node that sends too much, while it does',
      [view(), view({ nodes: [{ ...NODE, counts: { ...NODE.counts, overLimit: 1200 } }] })],
      ['more than nodes have reason to (b): in the last minute 1,200 messages were left out'],
    ],
    [
      'more names than a cluster has',
      [view({ messages: { ...view().messages, tooManyNodes: 3 } })],
      ['3 messages were left out'],
    ],
    [
      'who asks for more than its share',
      [view({ answered: { ...view().answered, held: 2 } })],
      ['2 requests had to wait'],
    ],
    [
      'the same of an hour ago is none',
      Array.from({ length: 62 }, () =>
        view({ answered: { ...view().answered, held: 2 }, results: { other_version: 2 } }),
      ),
      [],
    ],
    [
      'a silent node',
      [view({ nodes: [{ ...NODE, state: 'silent', silence: 31_000 }] })],
      ['Nothing has come from b for 31 s'],
    ],
    ['a late node', [view({ nodes: [{ ...NODE, lag: 6000 }] })], ['What b tells comes 6 s late']],
    [
      'a node that left is none',
      [view({ nodes: [{ ...NODE, state: 'left', silence: 90_000 }] })],
      [],
    ],
    [
      'many late nodes, of which some are named',
      [
        view({
          nodes: Array.from({ length: 256 }, (_, i) => ({ ...NODE, name: `n${i}`, lag: 6000 })),
        }),
      ],
      ['What n0, n1, n2, n3, n4 and 251 more tells comes 6 s late'],
    ],
    ['another version', [view({ results: { other_version: 2 } })], ['2 messages']],
    [
      'another version of WebTorrent',
      [view({ webtorrent: { ...WEBTORRENT, refused: { other_version: 3 } } })],
      ['3 messages'],
    ],
    [
      'too much about WebTorrent',
      [view({ webtorrent: { ...WEBTORRENT, droppedRelays: { overLimit: 3 } } })],
      ['3 messages were left out'],
    ],
    [
      'no server, once that has lasted',
      Array.from({ length: 30 }, () => view({ state: 'offline', reason: 'refused' })),
      ['No NATS server of the cluster can be used: refused'],
    ],
    [
      'what the server refuses',
      [view({ refusals: ['Permissions Violation', 'another'] })],
      ['The NATS server refuses what this node needs: Permissions Violation (and 1 more).'],
    ],
    ['a short outage is none', [view({ state: 'offline' })], []],
  ])('%s', (_, views, expected) => {
    const found = textsOf(views)
    expect(found).toHaveLength(expected.length)
    for (const [i, text] of expected.entries()) expect(found[i]).toContain(text)
  })

  test('each is documented', () => {
    for (const { name } of clusterTroubles(() => null)) expect(DOCUMENT).toContain(`| \`${name}\``)
  })
})
