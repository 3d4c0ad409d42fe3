// The part of the operations endpoint that changes something: GET, PUT and DELETE of /access-list/INFO_HASH tell
// whether an info hash is in the access list, add it, and remove it. Called by server.ts for every request.
//
// Only with the token, which no web page has: a page that sends one from elsewhere first asks by OPTIONS, and is refused.
// A request has no body, and one connection serves one request, so the endpoint's limits suffice.
import type { HttpAnswer, HttpRequest } from './http.ts'
import { requestPath } from './request.ts'
import type { Token } from './token.ts'

const PREFIX = '/access-list/'
/** As in the list's file: a v2 hash is announced by its first 40 digits. */
const INFO_HASH = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i
const DIGITS = 40

const TELL_MILLISECONDS = 60_000

/** The list in force. */
export interface EditedList {
  /** Null if there is no list. */
  has(infoHash: string): boolean | null
  /** In force in all workers when it returns. Throws if the edit cannot be kept. */
  edit(infoHash: string, isAdded: boolean): 'changed' | 'same' | 'full' | 'off'
}

/** `headers` and type are the caller's. */
type Plain = Pick<HttpAnswer, 'status' | 'headers' | 'body'>

export class EditRoute {
  private readonly token: Token
  private readonly list: EditedList
  private readonly tell: (text: string) => void
  private toldAt = Number.NEGATIVE_INFINITY
  private refused = 0

  constructor(token: Token, list: EditedList, tell: (text: string) => void) {
    this.token = token
    this.list = list
    this.tell = tell
  }

  /** Null for other paths. */
  answer({ method, target, authorization = '' }: HttpRequest): Plain | null {
    const path = requestPath(target)
    if (!path.startsWith(PREFIX)) return null
    if (!this.token.matches(authorization)) return this.refuse()
    const name = path.slice(PREFIX.length)
    if (!INFO_HASH.test(name)) {
      return plain(400, `write ${PREFIX} and an info hash of 40 or 64 hex digits\n`)
    }
    const infoHash = name.slice(0, DIGITS).toLowerCase()
    switch (method) {
      case 'GET':
      case 'HEAD':
        return this.look(infoHash)
      case 'PUT':
        return this.edit(infoHash, true)
      case 'DELETE':
        return this.edit(infoHash, false)
      default:
        return plain(405, 'GET, PUT and DELETE are served here\n', {
          Allow: 'GET, HEAD, PUT, DELETE',
        })
    }
  }

  private look(infoHash: string): Plain {
    const listed = this.list.has(infoHash)
    if (listed === null) return OFF
    return listed ? plain(200, 'listed\n') : plain(404, 'not listed\n')
  }

  private edit(infoHash: string, isAdded: boolean): Plain {
    let outcome: ReturnType<EditedList['edit']>
    try {
      outcome = this.list.edit(infoHash, isAdded)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return plain(507, `nothing is changed, since it could not be kept: ${why}\n`)
    }
    if (outcome === 'off') return OFF
    if (outcome === 'full') {
      return plain(507, "nothing is changed: write the edits so far into the list's file first\n")
    }
    const state = isAdded ? 'listed' : 'not listed'
    return plain(200, outcome === 'same' ? `${state}, as before\n` : `${state} now\n`)
  }

  private refuse(now = performance.now()): Plain {
    this.refused++
    if (now - this.toldAt >= TELL_MILLISECONDS) {
      this.toldAt = now
      this.tell(
        `requests to edit the access list without the right token since the start: ${this.refused}`,
      )
    }
    return plain(401, 'the token is missing or wrong\n', { 'WWW-Authenticate': 'Bearer' })
  }
}

const OFF = plain(409, "[access_list] mode is 'off': there is no list\n")

function plain(status: number, body: string, headers: Record<string, string> = {}): Plain {
  return { status, headers, body }
}
