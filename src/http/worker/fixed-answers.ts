// Answers that are always the same: pages, and errors with a status of their own. Sent by handle.ts.
import { fixedAnswer } from '../wire/serialize.ts'

export const PAGE_ANSWER = fixedAnswer(
  '200 OK',
  'This is a BitTorrent tracker (aquatic). Put the address of this page with /announce behind it into a\n' +
    'torrent or a client.\n',
)
export const HEALTH_ANSWER = fixedAnswer('200 OK', 'ok\n')
export const BAD_REQUEST = fixedAnswer('400 Bad Request', 'Bad Request\n')
export const NOT_FOUND = fixedAnswer('404 Not Found', 'Not Found: announces go to /announce\n')
export const NOT_ALLOWED = fixedAnswer(
  '405 Method Not Allowed',
  'Method Not Allowed\n',
  'Allow: GET, HEAD\r\n',
)
export const TIMED_OUT = fixedAnswer('408 Request Timeout', 'Request Timeout\n')
// Transmission asks for fewer torrents when a scrape's answer has these words.
export const TOO_LONG = fixedAnswer('414 Request-URI Too Long', 'Request-URI Too Long\n')
export const TOO_MANY_REQUESTS = fixedAnswer('429 Too Many Requests', 'Too Many Requests\n')
export const TOO_LARGE = fixedAnswer(
  '431 Request Header Fields Too Large',
  'Request Header Fields Too Large\n',
)
export const UNAVAILABLE = fixedAnswer('503 Service Unavailable', 'Service Unavailable\n')
export const WRONG_VERSION = fixedAnswer(
  '505 HTTP Version Not Supported',
  'HTTP Version Not Supported\n',
)
