//! Templates that would reach beyond themselves, for every template language that we have. Shared by the suites of
//! several crates, each of which expands them and then asks [`Bait::taken`].

use std::net::TcpListener;

/// What must not come out, and where nobody may call.
pub struct Bait {
    listener: TcpListener,
    address: String,
}

impl Bait {
    pub fn lay() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { listener, address }
    }

    /// Over 200 of them: things to reach for, in the ways in which engines are asked.
    pub fn templates(&self) -> Vec<String> {
        let address = &self.address;
        let reach = [
            "env \"PATH\"",
            "getenv \"PATH\"",
            "expandenv \"$PATH\"",
            ".Env.PATH",
            "$ENV.PATH",
            "lookup('env','PATH')",
            "readFile \"/etc/passwd\"",
            "include \"/etc/passwd\"",
            "file \"/etc/passwd\"",
            ".Files.Get \"/etc/passwd\"",
            "template \"/etc/passwd\"",
            "import '/etc/passwd'",
            "open('/etc/passwd').read()",
            "parseFiles \"/etc/passwd\"",
            "exec \"id\"",
            "system('id')",
            "`id`",
            "call .Exec \"id\"",
            "call $labels.System \"id\"",
            "os.Getenv \"PATH\"",
            "self.__init__.__globals__",
            "''.__class__.__mro__[1].__subclasses__()",
            "config.items()",
            "cycler.__init__",
            "constructor.constructor('return process')()",
            "T(java.lang.Runtime).getRuntime()",
            "_self.env.setCache('x')",
            "#set($x='')$x.class.forName('java.lang.Runtime')",
            "freemarker.template.utility.Execute",
            "$$.Secrets",
            "..",
            ".Method",
            "$.Labels.GetHostByName",
            "html .",
            "js .",
            "tableLink \"x\"",
            "range 1000000000",
            "printf \"%1000000000d\" 1",
            "repeat 1000000000 \"x\"",
            "query \"up\" | first | value",
        ];
        let asked = [
            ("{{ ", " }}"),
            ("{{- ", " | printf \"%s\" -}}"),
            ("{{ with ", " }}{{ . }}{{ end }}"),
            ("{{ define \"a\" }}{{ template \"a\" }}{{ ", " }}{{ end }}{{ template \"a\" }}"),
            ("${", "}"),
            ("<%= ", " %>"),
        ];
        let mut templates = Vec::new();
        for reach in reach {
            templates.extend(asked.map(|(before, after)| format!("{before}{reach}{after}")));
        }
        for function in ["httpGet", "fetch", "get", "query", "urlopen", "load", "genSignedCert"] {
            templates.push(format!("{{{{ {function} \"http://{address}/\" }}}}"));
            templates.push(format!("${{{function}:http://{address}/}}"));
        }
        for lookup in ["jndi:ldap", "jndi:dns", "script:js", "url:UTF-8:http"] {
            templates.push(format!("${{{lookup}://{address}/x}}"));
        }
        templates
    }

    /// What of the machine is in the text, if anything.
    pub fn leaked(text: &str) -> Option<&'static str> {
        let path = std::env::var("PATH").unwrap_or_default();
        if !path.is_empty() && text.contains(&path) {
            return Some("the environment");
        }
        let passwd = ["root:x:0:0", "uid=0(root)", "<class '", "java.lang.Process"];
        passwd.into_iter().find(|mark| text.contains(mark))
    }

    /// Whether anybody has called the listener.
    pub fn taken(&self) -> bool {
        self.listener.accept().is_ok()
    }
}
