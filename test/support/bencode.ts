// A strict reader of bencode (BEP 3): keys in order and once, numbers and lengths in their one form, nothing
// behind the end. Strings are one character per byte. Used by the tests of answers over HTTP.

export type Bencoded = number | string | readonly Bencoded[] | Dictionary
export interface Dictionary {
  readonly [key: string]: Bencoded
}

/** Throws at whatever is not bencode in its canonical form. */
export function readBencode(bytes: Uint8Array): Bencoded {
  const reader = new Reader(Buffer.from(bytes).toString('latin1'))
  const value = reader.value()
  if (reader.at !== bytes.length) throw new Error(`bytes behind the end, at ${reader.at}`)
  return value
}

/** The same of a dictionary. */
export function readDictionary(bytes: Uint8Array): Dictionary {
  const value = readBencode(bytes)
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('not a dictionary')
  return value as Dictionary
}

class Reader {
  at = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  value(): Bencoded {
    const first = this.text[this.at]
    if (first === 'i') return Number(this.match(/i(0|-?[1-9]\d*)e/y)[1])
    if (first === 'l') return this.list()
    return first === 'd' ? this.dictionary() : this.string()
  }

  private list(): Bencoded[] {
    const items: Bencoded[] = []
    this.at++
    while (this.text[this.at] !== 'e') items.push(this.value())
    this.at++
    return items
  }

  private dictionary(): Dictionary {
    const entries: [string, Bencoded][] = []
    this.at++
    while (this.text[this.at] !== 'e') {
      const key = this.string()
      const last = entries.at(-1)?.[0]
      if (last !== undefined && last >= key) throw new Error(`key ${key} behind ${last}`)
      entries.push([key, this.value()])
    }
    this.at++
    return Object.fromEntries(entries)
  }

  private string(): string {
    const length = Number(this.match(/(0|[1-9]\d*):/y)[1])
    const text = this.text.slice(this.at, this.at + length)
    if (text.length !== length) throw new Error('a string that is cut off')
    this.at += length
    return text
  }

  private match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (match === null) throw new Error(`no bencode at ${this.at}: ${this.text.slice(this.at)}`)
    this.at += match[0].length
    return match
  }
}
