// What trackers do wrong, one thing each, and as what the load tester must count it. Used by checks.test.ts.
import { addPeer, PEER_FAULTS } from '../swarms.ts'
import type { Answer, Dictionary, Fault } from './small-tracker.ts'

/** One thing that a tracker does wrong now and then, and as what it must be counted. */
export const FAULTS: Readonly<Record<string, { counted: string; fault: Fault }>> = {
  'a head that is no HTTP': {
    counted: 'head',
    fault: {
      answer: (answer) => {
        answer.status = '2OO OK'
      },
    },
  },
  'a field without a colon': {
    counted: 'head',
    fault: { answer: ({ head }) => head.push('Nothing') },
  },
  'two lengths': {
    counted: 'head',
    fault: { answer: ({ head, body }) => addLengths(head, [body.length, body.length + 1]) },
  },
  'the status 404': {
    counted: 'status',
    fault: {
      answer: (answer) => {
        answer.status = '404 Not Found'
      },
    },
  },
  'no length': {
    counted: 'no_length',
    fault: { answer: ({ head }) => head.push('no-length') },
  },
  'a length that is too large': {
    counted: 'cut',
    fault: { answer: ({ head, body }) => addLengths(head, [body.length + 1]) },
  },
  'a length that is too small': {
    counted: 'bencoding',
    fault: { answer: ({ head, body }) => addLengths(head, [body.length - 1]) },
  },
  'half an answer, then the end of the connection': {
    counted: 'cut',
    fault: {
      answer: (answer) => {
        answer.part = 'half'
        answer.cut = true
      },
    },
  },
  'an answer with more behind it': {
    counted: 'unasked',
    fault: {
      answer: (answer) => {
        answer.after = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde')
      },
    },
  },
  'a body that is cut': {
    counted: 'bencoding',
    fault: {
      answer: (answer) => {
        answer.body = answer.body.subarray(0, answer.body.length - 1)
      },
    },
  },
  'a body with more behind its dictionary': {
    counted: 'not_canonical',
    fault: {
      answer: (answer) => {
        answer.body = Buffer.concat([answer.body, Buffer.from('\n')])
      },
    },
  },
  'keys that are not in order': {
    counted: 'not_canonical',
    fault: { fields: only('announce', (fields) => fields.reverse()) },
  },
  'torrents that are not in order': {
    counted: 'not_canonical',
    fault: { every: 1, fields: only('scrape', (fields) => filesOf(fields).reverse()) },
  },
  'a key twice': {
    counted: 'not_canonical',
    fault: { fields: only('announce', (fields) => fields.splice(1, 0, fields[0])) },
  },
  'a number with a zero in front': {
    counted: 'not_canonical',
    fault: {
      answer: (answer) => {
        answer.body = Buffer.from(
          answer.body.toString('latin1').replace('i1800e', 'i01800e'),
          'latin1',
        )
      },
    },
  },
  'an announce without an interval': {
    counted: 'fields',
    fault: { fields: only('announce', (fields) => remove(fields, 'interval')) },
  },
  'an announce without peers': {
    counted: 'fields',
    fault: { fields: only('announce', (fields) => remove(fields, 'peers')) },
  },
  'a count that is text': {
    counted: 'fields',
    fault: {
      fields: only('announce', (fields) => {
        fields[0][1] = '0'
      }),
    },
  },
  'a scrape without files': {
    counted: 'fields',
    fault: { every: 1, fields: only('scrape', (fields) => remove(fields, 'files')) },
  },
  'a scrape without counts of downloads': {
    counted: 'fields',
    fault: {
      every: 1,
      fields: only('scrape', (fields) =>
        filesOf(fields).forEach(([, counts]) => {
          remove((counts as { dictionary: Dictionary }).dictionary, 'downloaded')
        }),
      ),
    },
  },
  'peers of a length that is no multiple': {
    counted: 'peers_length',
    fault: { announced: addPeer(() => Buffer.alloc(5, 1)) },
  },
  'a least interval above the interval': {
    counted: 'interval',
    fault: {
      announced: (answer) => {
        answer.interval = 60
      },
    },
  },
  ...PEER_FAULTS,
  'an IPv6 peer for an IPv4 one': {
    counted: 'unknown_peer',
    fault: {
      fields: only('announce', (fields) => fields.push(['peers6', Buffer.alloc(18, 1)])),
    },
  },
  'a scrape with zeros': {
    counted: 'count_low',
    fault: {
      every: 1,
      fields: only('scrape', (fields) =>
        filesOf(fields).forEach(([, counts]) => {
          for (const pair of (counts as { dictionary: Dictionary }).dictionary) pair[1] = 0
        }),
      ),
    },
  },
  'a scrape without a torrent that was asked for': {
    counted: 'scrape_torrents',
    fault: { every: 1, fields: only('scrape', (fields) => filesOf(fields).shift()) },
  },
  'a scrape with another torrent': {
    counted: 'scrape_torrents',
    fault: {
      every: 1,
      fields: only('scrape', (fields) => {
        const files = filesOf(fields)
        files.push([Buffer.alloc(20, 255), files[0][1]])
      }),
    },
  },
}

function only(
  kind: Answer['kind'],
  change: (fields: Dictionary) => unknown,
): (fields: Dictionary, kind: Answer['kind']) => void {
  return (fields, answered) => {
    if (answered === kind) change(fields)
  }
}

function remove(fields: Dictionary, key: string): void {
  const at = fields.findIndex(([name]) => name === key)
  if (at !== -1) fields.splice(at, 1)
}

function filesOf(fields: Dictionary): Dictionary {
  return (fields[0][1] as { dictionary: Dictionary }).dictionary
}

function addLengths(head: string[], lengths: number[]): void {
  for (const length of lengths) head.push(`Content-Length: ${length}`)
}
