//! Rules on the packages of the workspace: who may depend on whom, and what each one declares.
//!
//! The published crates above `lineal-core` never see each other, so that each can be used alone and none can
//! grow into the next one; `docs/adr/0003-crates-that-never-meet.md` has the reasons. `cargo metadata` says what
//! is declared, and the checker below is itself tested on workspaces that break each rule.

use std::{error::Error, process::Command};

use serde::Deserialize;

#[test]
fn workspace_keeps_its_rules() -> Result<(), Box<dyn Error>> {
    let workspace = Workspace::read()?;
    assert!(workspace.packages.len() >= 9, "cargo metadata lists the packages");
    let broken = workspace.violations();
    assert!(broken.is_empty(), "rules broken:\n  {}", broken.join("\n  "));
    Ok(())
}

/// What `cargo metadata --no-deps` says, as far as the rules ask.
#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    license: Option<String>,
    rust_version: Option<String>,
    /// Registries it may go to: absent means any, an empty list means none.
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    /// Name of the package, also where it is renamed.
    name: String,
    /// `null` for a normal one, else `dev` or `build`.
    kind: Option<String>,
    req: String,
}

impl Workspace {
    fn read() -> Result<Self, Box<dyn Error>> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// One line for each rule that a package breaks.
    fn violations(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for package in &self.packages {
            for dependency in &package.dependencies {
                if self.packages.iter().any(|own| own.name == dependency.name) {
                    broken.extend(package.objection_to(dependency));
                }
            }
            if package.license.as_deref() != Some("Apache-2.0") {
                broken.push(format!("{} does not declare the licence Apache-2.0", package.name));
            }
            if package.rust_version.is_none() {
                broken.push(format!("{} declares no rust-version", package.name));
            } else if package.rust_version != self.packages[0].rust_version {
                broken.push(format!("{} and {} differ in rust-version", package.name, self.packages[0].name));
            }
        }
        broken
    }
}

impl Package {
    fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }

    /// Why this package may not have `dependency`, which is a package of the workspace.
    fn objection_to(&self, dependency: &Dependency) -> Option<String> {
        let (from, to) = (self.name.as_str(), dependency.name.as_str());
        let dev = dependency.kind.as_deref() == Some("dev");
        match (from, to) {
            ("lineal-benches" | "lineal-examples", _) if !self.is_published() => None,
            ("lineal-testkit", "lineal-core") => None,
            // A version would tie the published crate to a package that is not published.
            (_, "lineal-testkit") if dev && dependency.req == "*" => None,
            (_, "lineal-testkit") if dev => Some(format!("{from}: {to} must be named by path only")),
            (_, "lineal-core") if from != "lineal-core" && self.is_published() => None,
            _ => {
                let kind = dependency.kind.as_deref().unwrap_or("normal");
                Some(format!("{from} must not have {to} as a {kind} dependency"))
            }
        }
    }
}

mod checker {
    use super::{Dependency, Package, Workspace};

    #[test]
    fn accepts_the_intended_shape() {
        let workspace = sample("lineal-data", vec![needs("lineal-core", None), needs("lineal-testkit", Some("dev"))]);
        assert_eq!(workspace.violations(), Vec::<String>::new());
    }

    #[test]
    fn refuses_crates_that_see_each_other() {
        for kind in [None, Some("build"), Some("dev")] {
            let workspace = sample("lineal-data", vec![needs("lineal-artifacts", kind)]);
            let broken = workspace.violations();
            assert_eq!(broken.len(), 1, "{broken:?}");
            assert!(broken[0].contains("lineal-data must not have lineal-artifacts"), "{broken:?}");
        }
    }

    #[test]
    fn refuses_test_code_in_published_builds() {
        for kind in [None, Some("build")] {
            assert_eq!(sample("lineal-data", vec![needs("lineal-testkit", kind)]).violations().len(), 1);
        }
        let versioned = Dependency { req: "^0.1.0".into(), ..needs("lineal-testkit", Some("dev")) };
        assert_eq!(sample("lineal-data", vec![versioned]).violations().len(), 1);
    }

    #[test]
    fn refuses_a_core_or_testkit_that_looks_upwards() {
        assert_eq!(sample("lineal-core", vec![needs("lineal-artifacts", None)]).violations().len(), 1);
        let mut workspace = sample("lineal-data", Vec::new());
        for package in &mut workspace.packages {
            if package.name == "lineal-testkit" {
                package.dependencies = vec![needs("lineal-data", None)];
            }
        }
        assert_eq!(workspace.violations().len(), 1);
    }

    #[test]
    fn refuses_examples_that_would_be_published() {
        let mut workspace = sample("lineal-examples", vec![needs("lineal-data", None)]);
        assert_eq!(workspace.violations(), Vec::<String>::new());
        for package in &mut workspace.packages {
            package.publish = None;
        }
        assert_eq!(workspace.violations().len(), 1);
    }

    #[test]
    fn refuses_a_missing_or_different_declaration() {
        for rust_version in [None, Some("1.90".to_owned())] {
            let mut workspace = sample("lineal-data", Vec::new());
            workspace.packages[1].rust_version = rust_version;
            assert_eq!(workspace.violations().len(), 1);
        }
        let mut workspace = sample("lineal-data", Vec::new());
        workspace.packages[1].license = None;
        assert_eq!(workspace.violations().len(), 1);
    }

    /// A workspace in which only `name` has dependencies.
    fn sample(name: &str, dependencies: Vec<Dependency>) -> Workspace {
        let mut dependencies = Some(dependencies);
        let packages = ["lineal-core", "lineal-artifacts", "lineal-data", "lineal-testkit", "lineal-examples"]
            .map(|each| Package {
                name: each.to_owned(),
                license: Some("Apache-2.0".to_owned()),
                rust_version: Some("1.88".to_owned()),
                publish: matches!(each, "lineal-testkit" | "lineal-examples").then(Vec::new),
                dependencies: dependencies.take_if(|_| each == name).unwrap_or_default(),
            })
            .into();
        Workspace { packages }
    }

    fn needs(name: &str, kind: Option<&str>) -> Dependency {
        Dependency { name: name.to_owned(), kind: kind.map(str::to_owned), req: "*".to_owned() }
    }
}
