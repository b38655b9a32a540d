using System.Diagnostics;

namespace Dino.Gpu.Tests.Support;

/// <summary>A disk that is soon full. Only root on Linux can mount one.</summary>
internal sealed class SmallDisk : IDisposable
{
    private SmallDisk(string folder) => Folder = folder;

    /// <summary>Where it is mounted.</summary>
    public string Folder { get; }

    /// <summary>Mounts one; null where that cannot be done.</summary>
    /// <param name="folder">A folder that does not exist.</param>
    /// <param name="size">As mount takes it, such as 1m.</param>
    public static SmallDisk? TryMount(string folder, string size)
    {
        Directory.CreateDirectory(folder);
        return OperatingSystem.IsLinux()
            && Environment.UserName == "root"
            && Run("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", folder) ? new SmallDisk(folder) : null;
    }

    /// <summary>Makes it larger.</summary>
    public void Resize(string size) => Assert.True(Run("mount", "-o", $"remount,size={size}", Folder));

    public void Dispose() => Assert.True(Run("umount", "-l", Folder));

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
