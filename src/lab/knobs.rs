//! The lab's knobs: every way in which gateway and app can be set, by name and by word.
//!
//! To add one: a field of [`Knobs`], an arm in `set_known` and in `word`, a line in
//! `knobs/table.rs`.
//! **Invariant:** a knob's word read back with [`Knobs::word`] sets the same again.

mod table;
mod words;

use std::time::Duration;

use super::LabError;
pub use table::{KNOBS, Knob};

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            pub fn parse(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

choice! {
    /// A trailing slash at the gateway.
    Slash { Strip = "strip", Keep = "keep" }
}
choice! {
    /// Who answers `OPTIONS`.
    OptionsBy { App = "app", Gateway = "gateway" }
}
choice! {
    /// The gateway's own error answers.
    GatewayResponses {
        /// Without CORS headers, as they come.
        Plain = "plain",
        /// `DEFAULT_4XX` and `DEFAULT_5XX` customised.
        Cors = "cors",
    }
}
choice! {
    /// Whether the app's process runs.
    AppState { Up = "up", Down = "down" }
}
choice! {
    Switch { On = "on", Off = "off" }
}
choice! {
    /// Where the CORS middleware stands against the one that appends slashes.
    CorsMiddleware { Before = "before", After = "after", Off = "off" }
}

/// Which origins the app allows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origins {
    /// Every one, echoed.
    Any,
    /// Every one, answered with `*`.
    Star,
    /// These.
    List(Vec<String>),
}

/// Where the gateway finds the app.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Backend {
    /// The lab's own.
    App,
    /// `host:port` of something else, say of a tap.
    At(String),
}

/// The methods of the gateway's resource.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Methods {
    Any,
    These(Vec<String>),
}

/// How the lab is set. The default is the story: the gateway drops the slash, the app in
/// DEBUG appends it, the CORS middleware stands where it should.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Knobs {
    pub stage: String,
    pub slash: Slash,
    /// The integration's endpoint URL: a path template, or a whole URL, with `{proxy}`.
    pub endpoint: String,
    pub backend: Backend,
    pub methods: Methods,
    pub options: OptionsBy,
    pub gateway_responses: GatewayResponses,
    pub timeout: Duration,
    pub app: AppState,
    pub debug: Switch,
    pub cors: CorsMiddleware,
    pub origins: Origins,
    pub credentials: Switch,
    pub delay: Duration,
    /// `None`: the gateway's own address.
    pub gateway_url: Option<String>,
    /// `None`: the app's own address.
    pub app_url: Option<String>,
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs {
            stage: "prod".to_owned(),
            slash: Slash::Strip,
            endpoint: "{proxy}".to_owned(),
            backend: Backend::App,
            methods: Methods::Any,
            options: OptionsBy::App,
            gateway_responses: GatewayResponses::Plain,
            timeout: Duration::from_secs(29),
            app: AppState::Up,
            debug: Switch::On,
            cors: CorsMiddleware::Before,
            origins: Origins::Any,
            credentials: Switch::Off,
            delay: Duration::ZERO,
            gateway_url: None,
            app_url: None,
        }
    }
}

impl Knobs {
    /// Set one knob by its name. On an error nothing has changed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), LabError> {
        let knob = Knobs::knob(name).ok_or_else(|| LabError::UnknownKnob(name.to_owned()))?;
        let value = value.trim();
        self.set_known(knob.name, value).ok_or_else(|| LabError::BadValue {
            knob: knob.name,
            value: value.to_owned(),
            expects: knob.takes,
        })
    }

    fn set_known(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "stage" => self.stage = words::segment(value)?,
            "slash" => self.slash = Slash::parse(value)?,
            "endpoint" => self.endpoint = words::endpoint(value)?,
            "backend" => self.backend = words::backend(value)?,
            "methods" => self.methods = words::methods(value)?,
            "options" => self.options = OptionsBy::parse(value)?,
            "gateway-responses" => self.gateway_responses = GatewayResponses::parse(value)?,
            "timeout" => self.timeout = words::duration(value).filter(|it| !it.is_zero())?,
            "app" => self.app = AppState::parse(value)?,
            "debug" => self.debug = Switch::parse(value)?,
            "cors" => self.cors = CorsMiddleware::parse(value)?,
            "origins" => self.origins = words::origins(value)?,
            "credentials" => self.credentials = Switch::parse(value)?,
            "delay" => self.delay = words::duration(value)?,
            "gateway-url" => self.gateway_url = words::base_url(value)?,
            "app-url" => self.app_url = words::base_url(value)?,
            _ => return None,
        }
        Some(())
    }

    /// How a knob is set, in the word that would set it.
    pub fn word(&self, name: &str) -> Option<String> {
        let own = |url: &Option<String>| url.clone().unwrap_or_else(|| "own".to_owned());
        Some(match name {
            "stage" => self.stage.clone(),
            "slash" => self.slash.as_str().to_owned(),
            "endpoint" => self.endpoint.clone(),
            "backend" => match &self.backend {
                Backend::App => "app".to_owned(),
                Backend::At(address) => address.clone(),
            },
            "methods" => match &self.methods {
                Methods::Any => "ANY".to_owned(),
                Methods::These(methods) => methods.join(","),
            },
            "options" => self.options.as_str().to_owned(),
            "gateway-responses" => self.gateway_responses.as_str().to_owned(),
            "timeout" => words::duration_word(self.timeout),
            "app" => self.app.as_str().to_owned(),
            "debug" => self.debug.as_str().to_owned(),
            "cors" => self.cors.as_str().to_owned(),
            "origins" => match &self.origins {
                Origins::Any => "any".to_owned(),
                Origins::Star => "star".to_owned(),
                Origins::List(origins) => origins.join(","),
            },
            "credentials" => self.credentials.as_str().to_owned(),
            "delay" => words::duration_word(self.delay),
            "gateway-url" => own(&self.gateway_url),
            "app-url" => own(&self.app_url),
            _ => return None,
        })
    }

    /// What is known about the knob of that name.
    pub fn knob(name: &str) -> Option<&'static Knob> {
        KNOBS.iter().find(|it| it.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_knob_reads_back_what_it_was_set_to() {
        let story = Knobs::default();
        for knob in KNOBS {
            let word = story.word(knob.name).unwrap_or_else(|| panic!("{} has no word", knob.name));
            let mut knobs = Knobs::default();
            knobs.set(knob.name, &word).unwrap();
            assert_eq!(knobs, story, "{}", knob.name);
            for choice in knob.choices {
                knobs.set(knob.name, choice).unwrap();
                assert_eq!(knobs.word(knob.name).as_deref(), Some(*choice));
            }
        }
    }

    #[test]
    fn words_that_a_knob_takes_and_refuses() {
        let table = [
            ("stage", "v1.0", Some("v1.0")),
            ("stage", "/prod/", Some("prod")),
            ("stage", "a/b", None),
            ("stage", "", None),
            ("slash", "maybe", None),
            ("endpoint", "{proxy}/", Some("{proxy}/")),
            ("endpoint", "/api/{proxy}", Some("/api/{proxy}")),
            ("endpoint", "http://h:1/{proxy}", Some("http://h:1/{proxy}")),
            ("endpoint", "http://{proxy}", None),
            ("endpoint", "items", None),
            ("endpoint", "{proxy}{proxy}", None),
            ("endpoint", "{proxy} x", None),
            ("backend", "127.0.0.1:9001", Some("127.0.0.1:9001")),
            ("backend", "[::1]:9001", Some("[::1]:9001")),
            ("backend", "host", None),
            ("backend", "a@b:1", None),
            ("methods", "any", Some("ANY")),
            ("methods", "GET, POST", Some("GET,POST")),
            ("methods", "GET,,POST", None),
            ("timeout", "500ms", Some("500ms")),
            ("timeout", "2m", Some("120s")),
            ("timeout", "0s", None),
            ("timeout", "99999999999999999999", None),
            ("timeout", "9999999999999m", None),
            ("timeout", "1h", None),
            ("origins", "http://a.test,null", Some("http://a.test,null")),
            ("origins", "a.test", None),
            ("gateway-url", "http://127.0.0.1:1/", Some("http://127.0.0.1:1")),
            ("gateway-url", "http://127.0.0.1:1/x", None),
            ("gateway-url", "127.0.0.1", None),
        ];
        for (name, value, word) in table {
            let mut knobs = Knobs::default();
            let set = knobs.set(name, value);
            assert_eq!(set.is_ok(), word.is_some(), "{name} {value}");
            match word {
                Some(word) => assert_eq!(knobs.word(name).as_deref(), Some(word), "{name} {value}"),
                None => assert_eq!(knobs, Knobs::default(), "{name} {value}"),
            }
        }
    }

    #[test]
    fn an_unknown_knob_names_the_known_ones() {
        let error = Knobs::default().set("colour", "red").unwrap_err();
        assert_eq!(error.to_string(), "the lab has no knob called \"colour\"");
        assert!(error.hint().contains("gateway-responses"), "{}", error.hint());
    }
}
