// A name server (RFC 1035) on 127.0.0.1 that knows what a test tells it. Used by the tests of the doctor. Owns its socket until
// close().

export interface NameRecords {
  readonly A?: readonly string[]
  readonly AAAA?: readonly string[]
  readonly TXT?: readonly string[]
}

const TYPES: Readonly<Record<number, keyof NameRecords>> = { 1: 'A', 16: 'TXT', 28: 'AAAA' }
const NAME_ERROR = 3

export class NameServer {
  private socket!: Bun.udp.Socket<'buffer'>
  private readonly names: Readonly<Record<string, NameRecords>>

  static async open(names: Readonly<Record<string, NameRecords>>): Promise<NameServer> {
    const server = new NameServer(names)
    server.socket = await Bun.udpSocket({
      hostname: '127.0.0.1',
      socket: {
        data: (socket, query, port, host) => {
          socket.send(server.answer(Buffer.from(query)), port, host)
        },
      },
    })
    return server
  }

  private constructor(names: Readonly<Record<string, NameRecords>>) {
    this.names = names
  }

  get address(): string {
    return `127.0.0.1:${this.socket.port}`
  }

  close(): void {
    this.socket.close()
  }

  private answer(query: Buffer): Buffer {
    const labels: string[] = []
    let at = 12
    for (; query[at] !== 0; at += 1 + query[at])
      labels.push(query.toString('latin1', at + 1, at + 1 + query[at]))
    const question = query.subarray(12, at + 5)
    const type = TYPES[query.readUInt16BE(at + 1)]
    const known = this.names[labels.join('.').toLowerCase()]
    const values = known?.[type] ?? []
    const head = Buffer.alloc(12)
    query.copy(head, 0, 0, 2)
    head.writeUInt16BE(0x8180 | (known === undefined ? NAME_ERROR : 0), 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(values.length, 6)
    return Buffer.concat([
      head,
      question,
      ...values.map((value) => record(question, dataOf(type, value))),
    ])
  }
}

function record(question: Buffer, data: Buffer): Buffer {
  const rest = Buffer.alloc(6)
  rest.writeUInt32BE(60, 0)
  rest.writeUInt16BE(data.length, 4)
  // The name is the question's; its type and class follow it.
  return Buffer.concat([Buffer.from([0xc0, 12]), question.subarray(-4), rest, data])
}

function dataOf(type: keyof NameRecords, value: string): Buffer {
  if (type === 'A') return Buffer.from(value.split('.').map(Number))
  if (type === 'TXT')
    return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')])
  const groups = value.split('::').map((side) => side.split(':').filter((group) => group !== ''))
  const zeros = Array<string>(8 - groups.flat().length).fill('0')
  const all = groups.length === 1 ? groups[0] : [...groups[0], ...zeros, ...groups[1]]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
