/** A colour of the web, `#rrggbb`. */
export type HexColor = `#${string}`

type Channels = [number, number, number]

/** WCAG 2.2 §1.4.3: what text needs at least against what is behind it. */
const READABLE = 4.5

const BLACK: HexColor = '#000000'
const WHITE: HexColor = '#ffffff'

/** The contrast ratio of two colours (WCAG 2.2), from 1 to 21. */
export function contrast(one: HexColor, other: HexColor): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

/** Black or white, whichever reads better on `background`; at least 4.58 on any colour. */
export function textOn(background: HexColor): HexColor {
  return contrast(WHITE, background) >= contrast(BLACK, background) ? WHITE : BLACK
}

/** The shade nearest to `color` that reads on `background`: darker on a light one, lighter on a dark one. */
export function readableOn(background: HexColor, color: HexColor): HexColor {
  const goal = textOn(background)
  for (let share = 0; share < 1; share += 0.02) {
    const shade = mix(color, goal, share)
    if (contrast(shade, background) >= READABLE) return shade
  }
  return goal
}

/** `color` with `share` (0 to 1) of `other` in it. */
export function mix(color: HexColor, other: HexColor, share: number): HexColor {
  const [from, to] = [channels(color), channels(other)]
  const mixed = from.map((value, index) => Math.round(value + ((to[index] ?? 0) - value) * share))
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`
}

function luminance(color: HexColor): number {
  const [red, green, blue] = channels(color).map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as Channels
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function channels(color: HexColor): Channels {
  const value = Number.parseInt(color.slice(1), 16)
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255]
}
