//! `cargo xtask endurance`: real video through the camera, from ffmpeg and to ffmpeg.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    house, process,
    rig::Rig,
    setup::{self, Purpose},
};

/// Send minutes of natural video through the camera and look at every frame that comes out.
///
/// ffmpeg makes the video, a flight over photographs; a client writes it into the camera's Input, another one reads the
/// camera; ffmpeg takes the hash of every frame before and after. Every frame has to come out, whole and in order, with
/// rising time stamps. Needs 8 MB of disk for a second of video at the usual size, in target/endurance/.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask endurance\n  cargo xtask endurance --minutes 0.2 --size 1280x720"
)]
pub struct Options {
    /// How long
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    minutes: f64,
    /// Size of the pictures
    #[arg(long, value_name = "WxH", default_value = "320x240")]
    size: String,
    /// Pictures in a second
    #[arg(long, value_name = "N", default_value_t = 30)]
    rate: u32,
}

/// Where Debian's lomiri-wallpapers-16.04 has its photographs.
const PHOTOGRAPHS: &str = "/usr/share/backgrounds";

/// The command.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure(Purpose::Test)?;
    ensure!(options.minutes > 0.0 && options.rate > 0, "a video has a length and a rate");
    let folder = house::root().join("target/endurance");
    fs::create_dir_all(&folder)?;
    let (sent, received) = (folder.join("sent.y4m"), folder.join("received.y4m"));
    let rig = Rig::build()?;
    println!("ffmpeg makes {} minutes of video", options.minutes);
    process::run(&mut flight(options, &sent)?)?;
    let mut capture = rig.command("capture");
    process::run(capture.arg("--input").arg(&sent).arg("--output").arg(&received))?;
    println!("ffmpeg looks at every frame");
    let (before, after) = (hashes(&sent)?, hashes(&received)?);
    for (number, (one, other)) in before.iter().zip(&after).enumerate() {
        ensure!(one == other, "frame {number} is another one than was sent, or torn");
    }
    ensure!(before.len() == after.len(), "{} frames were sent and {} came", before.len(), after.len());
    let mut different = before.clone();
    different.sort();
    different.dedup();
    // Otherwise a frame could take another one's place unseen.
    ensure!(different.len() == before.len(), "only {} frames differ from each other", different.len());
    println!("{} frames, all of them whole and in order", after.len());
    fs::remove_file(&sent)?;
    fs::remove_file(&received)?;
    Ok(())
}

/// Video that resembles a camera's: slowly over photographs, with a little noise, so that no frame is like another.
fn flight(options: &Options, to: &Path) -> Result<Command> {
    let photographs = photographs()?;
    let seconds = options.minutes * 60.0 / photographs.len() as f64;
    let frames = ((seconds * f64::from(options.rate)).ceil() as u32).max(1);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-stats", "-y"]);
    for photograph in &photographs {
        ffmpeg.arg("-i").arg(photograph);
    }
    let (size, rate) = (&options.size, options.rate);
    let parts: Vec<String> = (0..photographs.len())
        .map(|index| {
            format!(
                "[{index}:v]scale=1280:960,zoompan=z='1.2+on/{frames}':x='on/{frames}*100':d={frames}:s={size}:fps={rate},\
                 noise=alls=4:allf=t:all_seed={index},setsar=1,format=yuv420p[p{index}]"
            )
        })
        .collect();
    let names: String = (0..photographs.len()).map(|index| format!("[p{index}]")).collect();
    let filter = format!("{};{names}concat=n={}", parts.join(";"), photographs.len());
    ffmpeg.args(["-filter_complex", &filter, "-f", "yuv4mpegpipe"]).arg(to);
    Ok(ffmpeg)
}

/// Some photographs, the same ones every time.
fn photographs() -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(PHOTOGRAPHS).with_context(|| format!("no photographs in {PHOTOGRAPHS}"))?;
    let files: Result<Vec<PathBuf>> = files.map(|file| Ok(file?.path())).collect();
    let mut files: Vec<PathBuf> =
        files?.into_iter().filter(|path| path.extension() == Some("jpg".as_ref())).collect();
    files.sort();
    files.truncate(6);
    ensure!(!files.is_empty(), "no photographs in {PHOTOGRAPHS}");
    Ok(files)
}

/// The hash of each frame, by ffmpeg's framemd5.
fn hashes(video: &Path) -> Result<Vec<String>> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-i"]).arg(video).args(["-f", "framemd5", "-"]);
    let text = process::output(&mut ffmpeg)?;
    let frames = text.lines().filter(|line| !line.starts_with('#'));
    Ok(frames.filter_map(|line| line.rsplit(',').next()).map(|hash| hash.trim().to_owned()).collect())
}
