/// The languages that text made by the product exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    #[default]
    En,
    ZhTw,
    ZhCn,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::En, Self::ZhTw, Self::ZhCn];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhTw => "zh-TW",
            Self::ZhCn => "zh-CN",
        }
    }

    /// The nearest supported language of a BCP 47 tag, by script and region (`zh-Hant`, `zh-HK` are traditional);
    /// English for everything else.
    pub fn from_tag(tag: &str) -> Self {
        let tag = tag.trim().to_ascii_lowercase();
        let mut parts = tag.split(['-', '_']);
        if parts.next() != Some("zh") {
            return Self::En;
        }
        if parts.any(|part| matches!(part, "tw" | "hk" | "mo" | "hant")) { Self::ZhTw } else { Self::ZhCn }
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn tags_fall_to_the_nearest_language() {
        let cases = [
            ("en-GB", "en"),
            ("zh-TW", "zh-TW"),
            ("zh_Hant_HK", "zh-TW"),
            ("zh", "zh-CN"),
            ("ja", "en"),
            ("", "en"),
        ];
        for (tag, expected) in cases {
            assert_eq!(Language::from_tag(tag).as_str(), expected, "{tag}");
        }
    }
}
