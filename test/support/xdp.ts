// What tests of the path past the kernel share: whether this machine allows them, and maps for a program.
import { createMap } from '../../src/os/bpf.ts'
import { SystemError } from '../../src/os/error.ts'
import { libc } from '../../src/os/ffi.ts'
import { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_XSKMAP } from '../../src/os/kernel.ts'
import { closeXdpSocket, openXdpSocket } from '../../src/os/xdp-socket.ts'
import { DESTINATION_KEY_BYTES, PASSED_VALUE_BYTES } from '../../src/xdp/program.ts'
import { WHY_NO_NAMESPACE } from './namespace.ts'

export interface Maps {
  readonly maps: {
    readonly destinations: number
    readonly sockets: number
    readonly passed: number
  }
  readonly close: () => void
}

export function newMaps(): Maps {
  const map = (type: number, keyBytes: number, valueBytes: number) =>
    createMap({ name: 'test', type, keyBytes, valueBytes, entries: 64 })
  const maps = {
    destinations: map(BPF_MAP_TYPE_HASH, DESTINATION_KEY_BYTES, 4),
    sockets: map(BPF_MAP_TYPE_XSKMAP, 4, 4),
    passed: map(BPF_MAP_TYPE_ARRAY, 4, PASSED_VALUE_BYTES),
  }
  return {
    maps,
    close: () => {
      for (const fd of Object.values(maps)) libc.close(fd)
    },
  }
}

/** Why this machine allows no programs for cards, or ''. */
export const WHY_NO_XDP = reasonAgainst()

/** The same for tests that also need networks of their own. */
export const WHY_NO_CARDS = WHY_NO_NAMESPACE === '' ? WHY_NO_XDP : WHY_NO_NAMESPACE

function reasonAgainst(): string {
  if (process.getuid?.() !== 0) return ' (skipped: needs root)'
  try {
    newMaps().close()
    closeXdpSocket(openXdpSocket({ bytes: 65536, chunkBytes: 2048, headroomBytes: 2 }, 8))
    return ''
  } catch (error) {
    if (error instanceof SystemError) return ` (skipped: ${error.message})`
    throw error
  }
}
