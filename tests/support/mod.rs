//! What tests stand on: databases, a running server, people who may ask, people to ask about.
//!
//! A test that needs a server is a plain function that takes one, with a line above it that makes two tests of it:
//!
//! ```ignore
//! on_both!(a_refused_check_is_audited);
//! fn a_refused_check_is_audited(app: &TestApp) { … }
//! ```

pub mod app;
pub mod assertions;
pub mod browser;
pub mod canary;
pub mod database;
pub mod http;
pub mod logs;
pub mod operations;
pub mod people;
pub mod postgres;
pub mod program;
pub mod tokens;

/// The keeper of the directory of members in which every test server believes.
pub fn keeper() -> cofrestr::register::peers::directory::Keeper {
    static KEY: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let text = KEY.get_or_init(|| cofrestr::register::peers::directory::Keeper::generate().expect("a key").1);
    cofrestr::register::peers::directory::Keeper::read(text).expect("a key")
}

/// Makes two tests of a function: `NAME::on_sqlite` and `NAME::on_postgres`. A second argument is laid over the
/// configuration. The function takes a `&TestApp`.
macro_rules! on_both {
    ($name:ident) => {
        on_both!($name, "");
    };
    ($name:ident, $configuration:expr) => {
        mod $name {
            #[test]
            fn on_sqlite() {
                let app = crate::support::app::TestApp::start(crate::support::database::Backend::Sqlite, $configuration);
                super::$name(&app);
            }

            #[test]
            fn on_postgres() {
                let app = crate::support::app::TestApp::start(crate::support::database::Backend::Postgres, $configuration);
                super::$name(&app);
            }
        }
    };
}
pub(crate) use on_both;

/// The same for a function that takes only which database to use.
macro_rules! on_both_databases {
    ($name:ident) => {
        mod $name {
            #[test]
            fn on_sqlite() {
                super::$name(crate::support::database::Backend::Sqlite);
            }

            #[test]
            fn on_postgres() {
                super::$name(crate::support::database::Backend::Postgres);
            }
        }
    };
}
pub(crate) use on_both_databases;
