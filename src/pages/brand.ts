import { readFileSync } from 'node:fs'
import { mix, readableOn, textOn, type HexColor } from '../lib/contrast.ts'

/** A picture as it is served. */
export type Logo = { bytes: Buffer; type: 'image/svg+xml' | 'image/png' | 'image/webp' }

const MAX_LOGO_BYTES = 256 * 1_024
/** What pages stand on, as the style sheet has it. */
const LIGHT: HexColor = '#ffffff'
const DARK: HexColor = '#181c25'

/** @returns the picture, or what is wrong with it */
export function readLogo(path: string): Logo | string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    return `names a file that cannot be read (${code})`
  }
  if (bytes.length > MAX_LOGO_BYTES) return 'names a file of more than 256 KiB'
  const type = typeOf(bytes)
  return type === null ? 'must name an svg, png or webp file' : { bytes, type }
}

/** By what is in it; the name of a file proves nothing. */
function typeOf(bytes: Buffer): Logo['type'] | null {
  const start = bytes.toString('latin1', 0, 12)
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (/^RIFF[^]{4}WEBP/.test(start)) return 'image/webp'
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '')
  const isSvg = /^\s*(<\?xml[^>]*>\s*)?((<!--[^]*?-->|<!DOCTYPE[^>[]*>)\s*)*<svg[\s>]/.test(text)
  return isSvg ? 'image/svg+xml' : null
}

/** What a colour changes in the style sheet: buttons have it, links a shade of it that reads. */
export function brandStyles(color: HexColor): string {
  const text = textOn(color)
  const hover = mix(color, text === '#ffffff' ? '#000000' : '#ffffff', 0.18)
  const onLight = shades(LIGHT, color)
  const onDark = shades(DARK, color)
  const buttons = {
    'primary-background': color,
    'primary-border': color,
    'primary-hover-background': hover,
    'primary-hover-border': hover,
    'primary-inverse': text
  }
  // As specific as pico's own, so that the later one holds.
  return (
    rule(':root:not([data-theme=dark])', { ...buttons, ...onLight }) +
    `@media (prefers-color-scheme: dark){${rule(':root:not([data-theme])', { ...buttons, ...onDark })}}\n`
  )
}

function shades(background: HexColor, color: HexColor) {
  const link = readableOn(background, color)
  return {
    primary: link,
    'primary-underline': link,
    'primary-hover': mix(link, textOn(background), 0.2),
    'primary-focus': `${link}80`
  }
}

function rule(selector: string, properties: Record<string, string>): string {
  const lines = Object.entries(properties).map(([name, value]) => `--pico-${name}:${value}`)
  return `${selector}{${lines.join(';')}}\n`
}
