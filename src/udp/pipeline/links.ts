// The channels between socket workers and request workers: two rings for each pair, one per direction, and a
// doorbell for each worker. Made by main.ts, which gives each worker its ends. Owns the buffers.
import { createSleepWord } from '../../channel/inbox.ts'
import { createRing } from '../../channel/ring.ts'
import { openEvent } from '../../os/event-fd.ts'

/** A ring holds several batches, so that no answer is lost if a worker is briefly late. */
const REQUEST_RING_WORDS = 2 ** 14
const RESPONSE_RING_WORDS = 2 ** 15
/** With many pairs, rings get smaller so that all together take no more than about this. */
const RING_WORDS_TOTAL = 2 ** 24
/**
 * Even the smallest holds several of the longest records: a scrape of 122 info hashes, an answer of 1,472
 * bytes.
 */
const RING_WORDS_MIN = 2 ** 12

/** With more pairs, rings would take more memory than everything else. */
export const PAIRS_MAX = 2048

/** The ends of a socket worker; lists are in the order of the request workers. */
export interface SocketLinks {
  readonly requests: readonly SharedArrayBuffer[]
  readonly responses: readonly SharedArrayBuffer[]
  readonly requestSleepWords: readonly SharedArrayBuffer[]
  readonly sleepWord: SharedArrayBuffer
  /** The event file descriptor in its poll set. */
  readonly event: number
}

/** The ends of a request worker; lists are in the order of the socket workers. */
export interface RequestLinks {
  readonly requests: readonly SharedArrayBuffer[]
  readonly responses: readonly SharedArrayBuffer[]
  readonly socketSleepWords: readonly SharedArrayBuffer[]
  readonly events: readonly number[]
  readonly sleepWord: SharedArrayBuffer
}

export interface Links {
  readonly socketWorkers: readonly SocketLinks[]
  readonly requestWorkers: readonly RequestLinks[]
}

export function createLinks(socketWorkers: number, requestWorkers: number): Links {
  const list = <T>(count: number, make: (i: number) => T) =>
    Array.from({ length: count }, (_, i) => make(i))
  const pairs = Math.max(1, socketWorkers * requestWorkers)
  const share = RING_WORDS_TOTAL / (pairs * 2)
  const rings = (words: number) => {
    const ringWords = Math.max(RING_WORDS_MIN, Math.min(words, 2 ** Math.floor(Math.log2(share))))
    return list(socketWorkers, () => list(requestWorkers, () => createRing(ringWords)))
  }
  const requests = rings(REQUEST_RING_WORDS)
  const responses = rings(RESPONSE_RING_WORDS)
  const socketSleepWords = list(socketWorkers, createSleepWord)
  const requestSleepWords = list(requestWorkers, createSleepWord)
  const events = list(requestWorkers === 0 ? 0 : socketWorkers, openEvent)
  return {
    socketWorkers: list(socketWorkers, (s) => ({
      requests: requests[s],
      responses: responses[s],
      requestSleepWords,
      sleepWord: socketSleepWords[s],
      event: events[s] ?? -1,
    })),
    requestWorkers: list(requestWorkers, (r) => ({
      requests: requests.map((of) => of[r]),
      responses: responses.map((of) => of[r]),
      socketSleepWords,
      events,
      sleepWord: requestSleepWords[r],
    })),
  }
}
