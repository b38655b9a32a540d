using System.Reflection;

namespace Dino.Gpu;

/// <summary>The version of this build.</summary>
internal static class ProductVersion
{
    /// <summary>The version, such as <c>0.1.0</c>, without the commit that a build may add.</summary>
    public static string Current { get; } = typeof(ProductVersion).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
