// Texts that are UTF-8 and bytes that are not, in the order of Markus Kuhn's decoder test, which WebSocket test suites use
// too. Used by cases.ts.

function of(...hex: string[]): Uint8Array[] {
  return hex.map((each) => Uint8Array.from(Buffer.from(each.replaceAll(' ', ''), 'hex')))
}

const KOSME = 'ce ba e1 bd b9 cf 83 ce bc ce b5'

/** Planes 0 to 16 end with two characters that mean nothing, and are valid. */
const NONCHARACTERS = Array.from({ length: 17 }, (_, plane) => plane * 0x10000 + 0xfffe)
  .flatMap((point) => [point, point + 1])
  .map((point) => Uint8Array.from(Buffer.from(String.fromCodePoint(point))))

export const VALID: readonly Uint8Array[] = [
  ...of('68 65 24', '68 c2 a2 77', '68 e2 82 ac 77', '68 f0 a4 ad a2 77', KOSME),
  // The first and the last of each length, and what borders on surrogates.
  ...of('00', 'c2 80', 'e0 a0 80', 'f0 90 80 80', '7f', 'df bf'),
  ...of('ed 9f bf', 'ee 80 80', 'ef bf bd', 'ef bb bf'),
  ...NONCHARACTERS,
]

const LONELY = ['c0', 'df', 'e0', 'ef', 'f0', 'f7', 'f8', 'fb', 'fc', 'fd'].map(
  (each) => `${each} 20`,
)

const CUT_OFF = [
  ...['c2', 'df', 'e0', 'e0 a0', 'ef bf', 'f0', 'f0 90', 'f0 90 80', 'f4 8f bf'],
  ...['f7 bf bf', 'fb bf bf bf', 'fd bf bf bf bf'],
]

export const INVALID: readonly Uint8Array[] = [
  // Beyond U+10FFFF, and forms of five and six bytes.
  ...of('f4 90 80 80', 'f7 bf bf bf', 'f8 88 80 80 80', 'fb bf bf bf bf'),
  ...of('fc 84 80 80 80 80', 'fd bf bf bf bf bf', 'f5 80 80 80'),
  // Continuations of nothing.
  ...of('80', 'bf', '80 bf', '80 bf 80', '61 80 62'),
  ...of(...LONELY, ...CUT_OFF, CUT_OFF.join(' ')),
  ...of('fe', 'ff', 'fe fe ff ff'),
  // Longer than necessary.
  ...of('c0 af', 'e0 80 af', 'f0 80 80 af', 'f8 80 80 80 af', 'fc 80 80 80 80 af'),
  ...of('c1 bf', 'e0 9f bf', 'f0 8f bf bf', 'c0 80', 'e0 80 80', 'f0 80 80 80'),
  // Surrogates, single and in pairs.
  ...of('ed a0 80', 'ed ad bf', 'ed ae 80', 'ed af bf', 'ed b0 80', 'ed be 80', 'ed bf bf'),
  ...of('ed a0 80 ed b0 80', 'ed ad bf ed bf bf', 'ed af bf ed bf bf'),
  ...of(`${KOSME} ed a0 80 65 64 69 74 65 64`, `${KOSME} f4 90 80 80 65 64 69 74 65 64`),
]
