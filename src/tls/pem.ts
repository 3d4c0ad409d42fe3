// PEM, the text form of certificates and keys (RFC 7468), read as strictly as is needed to be sure that
// nothing was overlooked: a library that meets a boundary it does not understand stops there, and
// the chain is shorter without warning. Used by tls.ts and pkcs12.ts.
//
// Outside of blocks any text is allowed, as openssl writes it («subject=…»), but nothing that looks like
// part of a block. Messages never quote the file: it may hold a key.

export interface PemBlock {
  /** CERTIFICATE, PRIVATE KEY, … */
  readonly label: string
  /** Where it begins, from 1. */
  readonly line: number
  readonly bytes: Buffer
  /** With headers as before RFC 7468, such as those of an encrypted key. */
  readonly hasHeaders: boolean
}

/** What is wrong with a text, for people: the sentence begins with the line. */
export class PemError extends Error {
  override name = 'PemError'
}

const BYTE_ORDER_MARK = /^(?:\ufeff|\u00ef\u00bb\u00bf)/
const BOUNDARY = /^-----(BEGIN|END) ([A-Z0-9][A-Z0-9 ]*)-----$/
/** A boundary that has lost characters, which libraries take for text. */
const LIKE_A_BOUNDARY =
  /-----(?:BEGIN|END)\b|-+ ?(?:BEGIN|END) [A-Z0-9 ]*(?:CERTIFICATE|KEY)|(?:BEGIN|END) [A-Z0-9 ]*(?:CERTIFICATE|KEY)[A-Z0-9 ]*-/i
const TWO_BOUNDARIES = /(?:BEGIN|END) [A-Z0-9 ]+-----+(?:BEGIN|END) /
/** An incomplete last line, without any of the boundary's label. */
const CUT_BOUNDARY = /^-{1,5}(?:[BE][A-Z]*)?$/
/** A DER structure of more than 127 bytes begins like this, as every certificate and key but the smallest. */
const LIKE_A_BODY = /^MI[A-Za-z0-9+/]{46,}={0,2}$/
const HEADER = /^[A-Za-z][A-Za-z0-9-]*:/
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
const DAMAGED = 'is a damaged boundary (-----BEGIN … or -----END …), or the file is incomplete'
const COLUMNS = /.{64}(?=.)/g

/** All blocks, in order. Throws PemError. `text`: one character for each byte, or decoded. */
export function parsePem(text: string): PemBlock[] {
  const reading = new Reading()
  const lines = text.replace(BYTE_ORDER_MARK, '').split(/\r\n|\n|\r/)
  for (const line of lines) reading.take(line)
  return reading.finish(lines.at(-1) ?? '')
}

export function pemText(label: string, bytes: Uint8Array): string {
  // No empty line at the end when the last one is full: readers of PEM would stop there.
  const body = Buffer.from(bytes).toString('base64').replace(COLUMNS, '$&\n')
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
}

interface OpenBlock {
  readonly label: string
  readonly line: number
  body: string
  hasHeaders: boolean
  /** Up to the empty line behind them. */
  inHeaders: boolean
}

class Reading {
  private readonly blocks: PemBlock[] = []
  private open: OpenBlock | null = null
  private line = 0

  take(raw: string): void {
    this.line++
    if (raw.includes('\u0000')) {
      throw this.fault('has a byte of value 0: the file is not text, or is incomplete')
    }
    const line = raw.trim()
    const boundary = BOUNDARY.exec(line)
    if (boundary !== null) this.atBoundary(boundary[1], boundary[2])
    else if (LIKE_A_BOUNDARY.test(line)) throw this.fault(this.boundaryFault(line))
    else if (this.open !== null) this.inBlock(this.open, line)
    else if (LIKE_A_BODY.test(line)) throw this.fault('belongs to a block whose BEGIN is missing')
  }

  /** `last`: the text after the last line end. */
  finish(last: string): PemBlock[] {
    if (this.open !== null) throw unended(this.open)
    if (CUT_BOUNDARY.test(last.trim())) throw this.fault(DAMAGED)
    return this.blocks
  }

  private atBoundary(kind: string, label: string): void {
    const { open } = this
    if (kind === 'BEGIN') {
      if (open !== null) throw unended(open)
      this.open = { label, line: this.line, body: '', hasHeaders: false, inHeaders: false }
      return
    }
    if (open === null) throw this.fault(`ends a block (${label}) whose BEGIN is missing`)
    if (open.label !== label) {
      throw this.fault(
        `ends another block (${label}) than line ${open.line} begins (${open.label})`,
      )
    }
    this.blocks.push(closed(open))
    this.open = null
  }

  private inBlock(open: OpenBlock, line: string): void {
    if (open.inHeaders) {
      // A header may go on in the next line; an empty one ends them.
      open.inHeaders = line !== ''
      return
    }
    if (open.body === '' && HEADER.test(line)) {
      open.hasHeaders = true
      open.inHeaders = true
      return
    }
    if (!BASE64.test(line))
      throw this.fault(`is not base64, in the block that line ${open.line} begins`)
    open.body += line
  }

  private boundaryFault(line: string): string {
    return TWO_BOUNDARIES.test(line)
      ? 'holds two boundaries: begin the second on a line of its own'
      : DAMAGED
  }

  private fault(what: string): PemError {
    return new PemError(`line ${this.line} ${what}`)
  }
}

function closed({ label, line, body, hasHeaders }: OpenBlock): PemBlock {
  const bytes = Buffer.from(body, 'base64')
  // With padding in the middle, or missing characters, encoding it again gives another text.
  if (bytes.length === 0 || bytes.toString('base64') !== body) {
    throw new PemError(`line ${line} begins a block (${label}) with damaged base64`)
  }
  return { label, line, bytes, hasHeaders }
}

function unended({ label, line }: OpenBlock): PemError {
  return new PemError(
    `line ${line} begins a block (${label}) that does not end: the file is incomplete`,
  )
}
