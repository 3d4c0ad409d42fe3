// What a worker notes, as the cluster's thread finds it in the ring.
import { expect, test } from 'bun:test'
import { createRing, RingReader } from '../../src/channel/ring.ts'
import { KIND_LEFT, KIND_SEEN, kindOfRecord } from '../../src/cluster/layout.ts'
import {
  ClusterNotes,
  createNoteState,
  NOTE_WORDS_IPV4,
  NOTE_WORDS_IPV6,
  recordsLost,
} from '../../src/cluster/note.ts'
import { Announce } from '../../src/swarm/announce.ts'
import { randomWords } from '../support/random.ts'

function worker(ringWords: number) {
  const ring = createRing(ringWords)
  const state = createNoteState(1)
  const notes = new ClusterNotes({ ring, state, index: 0 }, 1800)
  const reader = new RingReader(ring)
  const announce = new Announce()
  announce.source = new Int32Array(5)
  announce.joined = true
  announce.now = 77
  const noteAs = (port: number, isIPv4: boolean, leaves: boolean) => {
    if (isIPv4) announce.peer.setIPv4(port)
    else announce.peer.setWords(new Int32Array([1, 2, 3, port]), 0)
    announce.peer.port = port
    if (leaves) notes.left(announce)
    else notes.seen(announce)
  }
  /** «port kind» of what is shown. */
  const shown = () => {
    const all: string[] = []
    reader.refresh()
    for (let at = reader.next(); at !== 0; at = reader.next()) {
      expect([NOTE_WORDS_IPV4, NOTE_WORDS_IPV6]).toContain(reader.count)
      const last = reader.words[at + reader.count - 2]
      expect(reader.words[at + reader.count - 3]).toBe(last & 0xffff)
      all.push(`${last & 0xffff} ${kindOfRecord(last)}`)
    }
    reader.release()
    return all
  }
  return { notes, noteAs, shown, lost: () => recordsLost(new Int32Array(state), 0) }
}

const seen = (port: number) => `${port} ${KIND_SEEN}`

test('the first record of a turn is shown at once, the others at its end', () => {
  const { notes, noteAs, shown } = worker(4096)
  notes.beginTurn()
  for (const port of [1, 2, 3]) noteAs(port, true, false)
  expect(shown()).toEqual([seen(1)])
  notes.endTurn()
  expect(shown()).toEqual([seen(2), seen(3)])
  notes.beginTurn()
  for (const port of [4, 5]) noteAs(port, false, false)
  expect(shown()).toEqual([seen(4)])
  notes.beginTurn()
  expect(shown()).toEqual([seen(5)])
})

test('a leave is shown at once, after all that was noted before', () => {
  const { notes, noteAs, shown } = worker(4096)
  notes.beginTurn()
  for (const port of [1, 2, 3]) noteAs(port, port !== 2, false)
  noteAs(4, true, true)
  expect(shown()).toEqual([seen(1), seen(2), seen(3), `4 ${KIND_LEFT}`])
})

test('of both families and in turns of any length: all arrive in their order, or are counted as lost', () => {
  const { notes, noteAs, shown, lost } = worker(512)
  const random = randomWords(3)
  let next = 1
  let arrived = 0
  for (let round = 0; round < 400; round++) {
    const first = next
    notes.beginTurn()
    for (let left = random() % 70; left > 0; left--) noteAs(next++, random() % 3 > 0, false)
    notes.endTurn()
    const ports = shown().map((text) => Number(text.split(' ')[0]))
    expect(ports).toEqual(ports.toSorted((a, b) => a - b))
    expect(new Set(ports).size).toBe(ports.length)
    // The ring was empty, so what came first had room.
    expect(ports.slice(0, 20)).toEqual(ports.slice(0, 20).map((_, i) => first + i))
    arrived += ports.length
  }
  expect(arrived + lost()).toBe(next - 1)
  expect(lost()).toBeGreaterThan(100)
})
