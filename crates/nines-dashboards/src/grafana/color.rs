//! Colours as Grafana writes them: by name, by hexadecimal digits, by `rgb(…)`.

use crate::model::Tone;

/// Shades of a hue, from very light to dark (`packages/grafana-data/src/themes/palette.ts`).
const HUES: [(&str, [&str; 5]); 6] = [
    ("red", ["#ffa6b0", "#ff7383", "#f2495c", "#e02f44", "#c4162a"]),
    ("orange", ["#ffcb7d", "#ffb357", "#ff9830", "#ff780a", "#fa6400"]),
    ("yellow", ["#fff899", "#ffee52", "#fade2a", "#f2cc0c", "#e0b400"]),
    ("green", ["#c8f2c2", "#96d98d", "#73bf69", "#56a64b", "#37872d"]),
    ("blue", ["#c0d8ff", "#8ab8ff", "#5794f2", "#3274d9", "#1f60c4"]),
    ("purple", ["#deb6f2", "#ca95e5", "#b877d9", "#a352cc", "#8f3bb8"]),
];
const SHADES: [(&str, usize); 4] = [("super-light-", 0), ("semi-dark-", 3), ("light-", 1), ("dark-", 4)];
/// Below it a colour is a grey.
const SATURATION_MIN: f64 = 0.15;

/// As `#rrggbb`. `None`: it is no colour of its own (`transparent`, `text`), or none at all.
pub fn hex(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    if let Some(digits) = text.strip_prefix('#') {
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        return match digits.len() {
            3 if is_hex => Some(digits.chars().fold("#".to_owned(), |made, c| format!("{made}{c}{c}"))),
            6 | 8 if is_hex => Some(format!("#{}", &digits[..6])),
            _ => None,
        };
    }
    if let Some(inside) = text.strip_prefix("rgb") {
        let inside = inside.trim_start_matches('a').trim().strip_prefix('(')?.trim_end_matches(')');
        let mut parts = inside.split(',').map(|part| part.trim().parse::<f64>());
        let mut channel = || parts.next()?.ok().map(|it| it.clamp(0.0, 255.0) as u8);
        return Some(format!("#{:02x}{:02x}{:02x}", channel()?, channel()?, channel()?));
    }
    let (hue, shade) = SHADES
        .iter()
        .find_map(|(word, shade)| Some((text.strip_prefix(word)?, *shade)))
        .unwrap_or((text.as_str(), 2));
    match hue {
        "white" => Some("#ffffff".to_owned()),
        "black" => Some("#000000".to_owned()),
        "gray" | "grey" => Some("#808080".to_owned()),
        hue => HUES.iter().find(|(name, _)| *name == hue).map(|(_, shades)| shades[shade].to_owned()),
    }
}

/// What a colour means where it marks values: by its hue, as people read traffic lights. Greys and what is no colour mean
/// nothing in particular.
pub fn tone(text: &str) -> Tone {
    let Some(hex) = hex(text) else { return Tone::None };
    let channel = |at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap_or(0)) / 255.0;
    let (red, green, blue) = (channel(1), channel(3), channel(5));
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let spread = most - least;
    if most == 0.0 || spread / most < SATURATION_MIN {
        return Tone::None;
    }
    let hue = 60.0
        * if most == red {
            ((green - blue) / spread).rem_euclid(6.0)
        } else if most == green {
            (blue - red) / spread + 2.0
        } else {
            (red - green) / spread + 4.0
        };
    match hue {
        hue if !(20.0..330.0).contains(&hue) => Tone::Bad,
        hue if hue < 75.0 => Tone::Warn,
        hue if hue < 170.0 => Tone::Good,
        _ => Tone::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_colour_is_read() {
        for (written, read) in [
            ("red", Some("#f2495c")),
            ("semi-dark-red", Some("#e02f44")),
            ("super-light-Blue", Some("#c0d8ff")),
            ("#EAB839", Some("#eab839")),
            ("#abc", Some("#aabbcc")),
            ("#12345678", Some("#123456")),
            ("rgba(50, 172, 45, 0.97)", Some("#32ac2d")),
            ("rgb(1,2,3)", Some("#010203")),
            ("transparent", None),
            ("text", None),
            ("#é1234", None),
            ("rgb(1)", None),
        ] {
            assert_eq!(hex(written).as_deref(), read, "{written}");
        }
    }

    #[test]
    fn a_tone_is_that_of_the_hue() {
        for (written, read) in [
            ("dark-green", Tone::Good),
            ("rgba(50, 172, 45, 0.97)", Tone::Good),
            ("#299c46", Tone::Good),
            ("#EAB839", Tone::Warn),
            ("rgba(237, 129, 40, 0.89)", Tone::Warn),
            ("yellow", Tone::Warn),
            ("#d44a3a", Tone::Bad),
            ("#F2495C", Tone::Bad),
            ("#bf1b00", Tone::Bad),
            ("blue", Tone::Info),
            ("purple", Tone::Info),
            ("#808080", Tone::None),
            ("transparent", Tone::None),
        ] {
            assert_eq!(tone(written), read, "{written}");
        }
    }
}
