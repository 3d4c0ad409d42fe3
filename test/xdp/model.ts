// How frames go round between the kernel and a worker, as programs for the checker of all interleavings: fill ring and
// receive ring, with the frames in them. Follows src/xdp/ring.ts and queue.ts step by step; each mistake that one could
// make there is a variant here, which the checker has to find. Used by ring-model.test.ts. (Those to send go the same
// way with the roles exchanged.)
import {
  atomicLoad,
  atomicStore,
  jump,
  label,
  load,
  type Step,
  set,
  store,
  type Value,
} from '../support/interleavings.ts'

export type Mistake =
  | 'none'
  | 'the producer is a plain store'
  | 'the producer is published before the entry'
  | 'a frame goes back before it is read'
  | 'the ring has fewer places than there are frames'

const FRAMES = 2

// Cells of shared memory.
const FILL_PRODUCER = 0
const RECEIVE_PRODUCER = 1
const FILL_ENTRIES = 2
const RECEIVE_ENTRIES = FILL_ENTRIES + FRAMES
const CONTENTS = RECEIVE_ENTRIES + FRAMES

/** All frames are with the kernel at first. */
export const MEMORY: readonly number[] = [FRAMES, 0, 0, 1, 0, 0, 0, 0]

const contentOf = (packet: number) => 100 + packet

const placeIn = (entries: number, index: number, mistake: Mistake) =>
  entries + (index % (mistake === 'the ring has fewer places than there are frames' ? 1 : FRAMES))

function look(to: string, cell: number, seen: number, where: string): Step[] {
  return [label(where), atomicLoad(to, cell), jump(where, (read) => read(to) <= seen)]
}

function produce(producer: number, count: number, entry: Step, mistake: Mistake): Step[] {
  const publish =
    mistake === 'the producer is a plain store'
      ? store(producer, count)
      : atomicStore(producer, count)
  return mistake === 'the producer is published before the entry'
    ? [publish, entry]
    : [entry, publish]
}

/** Puts packets into frames of the fill ring. */
export function kernel(packets: number, mistake: Mistake): Step[] {
  const rings = mistake === 'the ring has fewer places than there are frames' ? mistake : 'none'
  const steps: Step[] = []
  for (let packet = 0; packet < packets; packet++) {
    const frame: Value = (read) => CONTENTS + read(`frame ${packet}`)
    steps.push(
      ...look('filled', FILL_PRODUCER, packet, `filled ${packet}`),
      load(`frame ${packet}`, placeIn(FILL_ENTRIES, packet, 'none')),
      store(frame, contentOf(packet)),
      ...produce(
        RECEIVE_PRODUCER,
        packet + 1,
        store(placeIn(RECEIVE_ENTRIES, packet, rings), (read) => read(`frame ${packet}`)),
        mistake,
      ),
    )
  }
  return steps
}

/** Reads them, and gives the frames back. */
export function worker(packets: number, mistake: Mistake): Step[] {
  const rings = mistake === 'the ring has fewer places than there are frames' ? mistake : 'none'
  const steps: Step[] = [set('received', 0)]
  for (let packet = 0; packet < packets; packet++) {
    const back = produce(
      FILL_PRODUCER,
      FRAMES + packet + 1,
      store(placeIn(FILL_ENTRIES, FRAMES + packet, 'none'), (read) => read(`frame ${packet}`)),
      mistake,
    )
    const content = load(`content ${packet}`, (read) => CONTENTS + read(`frame ${packet}`))
    const isEarly = mistake === 'a frame goes back before it is read'
    steps.push(
      ...look('received', RECEIVE_PRODUCER, packet, `received ${packet}`),
      load(`frame ${packet}`, placeIn(RECEIVE_ENTRIES, packet, rings)),
      ...(isEarly ? [...back, content] : [content, ...back]),
    )
  }
  for (let packet = 0; packet < packets; packet++) {
    steps.push({
      op: 'check',
      claim: 'a packet is whole, and in its order',
      holds: (read) => read(`content ${packet}`) === contentOf(packet),
    })
  }
  return steps
}
