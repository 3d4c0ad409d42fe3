// The public page ([public_page] on_http_port) as answers of a worker: prepared by the main thread (src/public-page/),
// and sent as it is until the next one comes. Used by handle.ts; serving.ts passes on what comes. Without one, / tells
// what is here, and there is no /status.json.
import { HEADERS, JSON_TYPE, PAGE_TYPE, type PreparedPage } from '../../public-page/prepared.ts'
import { type FixedAnswer, fixedAnswer } from '../wire/serialize.ts'
import { PAGE_ANSWER } from './fixed-answers.ts'

const FIELDS = Object.entries(HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

export class PublicAnswers {
  page: FixedAnswer = PAGE_ANSWER
  /** Null where there is no public page. */
  status: FixedAnswer | null = null

  set({ html, json }: PreparedPage): void {
    this.page = fixedAnswer('200 OK', html, FIELDS, PAGE_TYPE)
    this.status = fixedAnswer('200 OK', json, FIELDS, JSON_TYPE)
  }
}
